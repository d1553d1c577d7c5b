/**
 * The part of the crash test that is killed: adapters' whole state, busy. Says line by line what it tries, and what
 * is done, which must then last.
 */
import { openCrashStore, type Step } from "./crash_store.ts";

/** So that a kill meets fetches, renames and commits together. Each has names of its own. */
const ACTORS = 3;
const NAMES_EACH = 2;
const CONTENTS = 12;

const { stateDir, origin } = JSON.parse(Deno.args[0]);
await using opened = await openCrashStore(stateDir);
const { store } = opened;
say({ kind: "ready" });
await Promise.all(Array.from({ length: ACTORS }, async (_, actor) => {
  while (true) await act(`name-${actor}-${draw(NAMES_EACH)}`);
}));

async function act(name: string): Promise<void> {
  const content = draw(CONTENTS);
  const action = draw(8);
  if (action > 3 || !store.get(name)) {
    say({ kind: "trying", name, content });
    await store.startPut(name, { url: `${origin}/content-${content}` }).done;
    return say({ kind: "done", name, content });
  }
  switch (action) {
    case 0:
      say({ kind: "trying", name, content: null });
      store.delete(name);
      return say({ kind: "done", name, content: null });
    case 1:
      await store.pin(name);
      return;
    case 2:
      store.unpin(name);
      return;
    default:
      (await store.acquire(name)).release();
  }
}

function draw(below: number): number {
  return Math.floor(Math.random() * below);
}

function say(step: Step): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(step)}\n`));
}
