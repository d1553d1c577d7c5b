/**
 * A process that fetches, swaps, pins and deletes adapters is killed at any moment, again and again. What it said
 * was done is there afterwards, and serves; nothing is corrupt, and nothing is left over.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { generationOf } from "../../../adapters/peft/mod.ts";
import { AdapterOrigin, type Content, demoContents } from "../../e2e/adapter_origin.ts";
import { openCrashStore, type Step } from "./crash_store.ts";

const KILLS = 100;
/** The longest life of a child after its first line, in milliseconds. */
const MAX_LIFE_MS = 300;

Deno.test("killed 100 times at any point, adapters serve on, and nothing is corrupt or left over", async () => {
  const stateDir = await Deno.makeTempDir();
  await using origin = new AdapterOrigin();
  const contents = [...demoContents().values()].slice(0, 12);
  contents.forEach((content, i) => origin.place(`content-${i}`, content));
  const known = new KnownNames(await Promise.all(contents.map(generation)));
  const child = { stateDir, origin: origin.server.url("").origin };

  let steps = 0;
  let served = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    for (const step of await runUntilKilled(child, Math.random() * MAX_LIFE_MS)) {
      known.take(step);
      steps++;
    }
    served += await verify(stateDir, known);
  }
  console.log(
    `      ${KILLS} kills amid ${steps} steps; ${served} times an adapter served after one`,
  );
  assert.ok(steps > 5 * KILLS, `only ${steps} steps were made between the kills`);
  assert.ok(served > KILLS, `only ${served} times an adapter served after a kill`);
  await Deno.remove(stateDir, { recursive: true });
});

function generation({ config, weights }: Content): Promise<string> {
  return generationOf({ config, weights });
}

/** What each name may stand for, as a generation: what was done last, or what was being tried. */
class KnownNames {
  readonly #generations: readonly string[];
  readonly #may = new Map<string, (string | null)[]>();

  constructor(generations: readonly string[]) {
    this.#generations = generations;
  }

  take(step: Step): void {
    if (step.kind === "ready") return;
    const { kind, name, content } = step;
    const it = content === null ? null : this.#generations[content];
    this.#may.set(name, kind === "done" ? [it] : [this.#may.get(name)?.[0] ?? null, it]);
  }

  check(found: ReadonlyMap<string, string | null>): void {
    for (const name of found.keys()) assert.ok(this.#may.has(name), `nobody made ${name}`);
    for (const [name, may] of this.#may) {
      const it = found.get(name) ?? null;
      assert.ok(may.includes(it), `${name} is ${it}, not one of ${may}`);
      this.#may.set(name, [it]);
    }
  }
}

/** The steps a child told before it was killed, `lifeMs` after it was ready. */
async function runUntilKilled(
  options: { stateDir: string; origin: string },
  lifeMs: number,
): Promise<Step[]> {
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--cached-only",
      "-A",
      "--no-check",
      new URL("crash_child.ts", import.meta.url).href,
      JSON.stringify(options),
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(process.stderr).text();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let text = "";
  for await (const chunk of process.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    timer ??= setTimeout(() => process.kill("SIGKILL"), lifeMs);
  }
  clearTimeout(timer);
  const { signal } = await process.status;
  assert.equal(signal, "SIGKILL", `the child ended by itself: ${await errors}`);
  await errors;
  // The last line may be cut off: then its step was not told.
  return text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
}

/** How many adapters serve after a restart. */
async function verify(stateDir: string, known: KnownNames): Promise<number> {
  const generations = await serveAll(stateDir, known);
  assert.deepEqual(filesOf(join(stateDir, "adapters", "incoming")), []);
  for (const kept of filesOf(join(stateDir, "adapters", "content"))) {
    assert.ok(generations.includes(kept), `${kept} is left over: no name stands for it`);
  }
  return generations.length;
}

/** The generations that names stand for, once each has served. */
async function serveAll(stateDir: string, known: KnownNames): Promise<string[]> {
  await using opened = await openCrashStore(stateDir);
  const { store } = opened;
  const infos = store.list();
  known.check(new Map(infos.map(({ name, generation }) => [name, generation])));
  for (const { name, generation } of infos) {
    using lease = await store.acquire(name);
    assert.equal(lease.generation, generation);
    assert.ok(lease.weights.modules.length > 0);
  }
  store.checkIntegrity();
  return infos.map(({ generation }) => generation!);
}

function filesOf(directory: string): string[] {
  return [...Deno.readDirSync(directory)].map(({ name }) => name);
}
