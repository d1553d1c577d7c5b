/**
 * The part of the crash test that is killed: adapters' whole state, busy. Says what it did line by line, each once
 * it is durable.
 */
import { openCrashStore, type Step } from "./crash_store.ts";

const { stateDir, origin, seed } = JSON.parse(Deno.args[0]);
await using opened = await openCrashStore(stateDir);
const { store } = opened;
say({ kind: "ready", names: store.list().length });

let state = seed >>> 0;
function draw(below: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor(state / 2 ** 32 * below);
}

async function act(): Promise<void> {
  const name = `name-${draw(6)}`;
  const content = draw(12);
  switch (draw(8)) {
    case 0: {
      if (!store.get(name)) return;
      say({ kind: "trying", name, content: null });
      store.delete(name);
      return say({ kind: "done", name, content: null });
    }
    case 1:
      if (store.get(name)) await store.pin(name);
      return;
    case 2:
      if (store.get(name)) store.unpin(name);
      return;
    case 3: {
      if (!store.get(name)) return;
      using _lease = await store.acquire(name);
      return;
    }
    default: {
      say({ kind: "trying", name, content });
      await store.startPut(name, { url: `${origin}/content-${content}` }).done;
      say({ kind: "done", name, content });
    }
  }
}

/** Several at once, so that a kill meets fetches, renames and commits together. */
await Promise.all(Array.from({ length: 3 }, async () => {
  while (true) {
    try {
      await act();
    } catch (error) {
      // Another of the three may have deleted or replaced the name meanwhile.
      if (!isConflict(error)) throw error;
    }
  }
}));

function isConflict(error: unknown): boolean {
  return error instanceof Error && "code" in error &&
    (error.code === "conflict" || error.code === "not_found");
}

function say(step: Step): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(step)}\n`));
}
