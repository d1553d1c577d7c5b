/**
 * Adapters are swapped, deleted and corrupted while streams use them: every answer is that of the
 * generation it began with, and no stream fails.
 */
import assert from "node:assert/strict";
import { AdapterOrigin, type Content, demoContents } from "./adapter_origin.ts";
import { chatBody, stream } from "./requests.ts";
import { type Json, pause, type TestServer, withServer } from "./server_process.ts";

const CHANGES = 200;
const STREAMS = 16;
const NAMES = Array.from({ length: 8 }, (_, i) => `tenant-${i}`);
const CONTENTS = 12;
const TOKENS = 24;
const PROMPTS = [
  "Sort these words: pear fig apple",
  "Put this into the Velu language: the dog likes a green cup",
  "What is the past tense of walk?",
];
/** What a swap may cost a stream beyond one decode step, in milliseconds. */
const MAX_STALL_MS = 20;
const MAX_ROUNDS = 3;

Deno.test("16 streams over 8 adapters never notice 200 swaps, deletions and bad files", async () => {
  await using origin = new AdapterOrigin();
  const flags = [...origin.flags, "--max-adapters", "12"];
  await withServer({ flags }, async (server) => {
    const contents = [...demoContents().values()].slice(0, CONTENTS);
    const expected = await learnAnswers(server, origin, contents);
    for (const [i, name] of NAMES.entries()) {
      origin.place(name, contents[i]);
      assert.equal((await put(server, { name, url: origin.url(name) })).status, 201);
    }

    const stop = new AbortController();
    let gaps = new Gaps();
    let answers = 0;
    const generations = new Set<string>();
    const steps: number[] = [];
    let stall = Infinity;
    let bound = 0;
    const streams = Array.from({ length: STREAMS }, async (_, i) => {
      for (let turn = i; !stop.signal.aborted; turn++) {
        const name = NAMES[(turn * 5 + i) % NAMES.length];
        const prompt = PROMPTS[turn % PROMPTS.length];
        const answer = await streamOf(server, { name, prompt, onGap: (ms) => gaps.add(ms) });
        if (answer === null) continue;
        answers++;
        generations.add(answer.generation);
        steps.push(answer.stepMs);
        assert.equal(
          answer.text,
          expected.get(`${answer.generation} ${prompt}`),
          `${name} under generation ${answer.generation}, asked ${JSON.stringify(prompt)}`,
        );
      }
    });
    // A busy machine makes gaps of its own: a stall that is there at every measuring is ours.
    async function measure(): Promise<void> {
      for (let round = 1;; round++) {
        gaps = new Gaps();
        const done = await changeAll(server, { origin, contents, gaps });
        assert.equal(done.swapped + done.deleted + done.refused, CHANGES);
        if (isWithinBound(done) || round === MAX_ROUNDS) return;
      }
    }
    function isWithinBound(done: { swapped: number; deleted: number; refused: number }): boolean {
      const step = percentile(steps, 0.5);
      stall = percentile(gaps.during, 0.99) - percentile(gaps.without, 0.99);
      bound = step + MAX_STALL_MS;
      console.log(
        `      ${answers} answers of ${generations.size} generations; ${done.swapped} swaps, ` +
          `${done.deleted} deletions, ${done.refused} bad files; longest gap in a stream, p99: ` +
          `${percentile(gaps.during, 0.99).toFixed(1)} ms during a change, ` +
          `${percentile(gaps.without, 0.99).toFixed(1)} ms without, so a stall of ` +
          `${stall.toFixed(1)} ms; a decode step takes ${step.toFixed(1)} ms`,
      );
      return stall <= bound;
    }
    await Promise.all([measure().finally(() => stop.abort()), ...streams]);
    assert.ok(stall <= bound, `p99 of the stall is ${stall} ms`);
    assert.ok(answers > CHANGES, `only ${answers} answers`);
    assert.equal(generations.size, CONTENTS, "generations that answered");
  });
});

/** Each content's answer to each prompt, by `<generation> <prompt>`, while nothing else goes on. */
async function learnAnswers(
  server: TestServer,
  origin: AdapterOrigin,
  contents: readonly Content[],
): Promise<Map<string, string>> {
  const answers = new Map<string, string>();
  for (const [i, content] of contents.entries()) {
    const name = `reference-${i}`;
    origin.place(name, content);
    const { body: { generation } } = await put(server, { name, url: origin.url(name) });
    for (const prompt of PROMPTS) {
      const { text } = (await streamOf(server, { name, prompt }))!;
      answers.set(`${generation} ${prompt}`, text);
    }
    assert.equal((await remove(server, name)).status, 204);
  }
  assert.equal(answers.size, CONTENTS * PROMPTS.length);
  return answers;
}

/** Null where the name was deleted at the time. */
async function streamOf(
  server: TestServer,
  { name, prompt, onGap }: { name: string; prompt: string; onGap?: (ms: number) => void },
): Promise<{ text: string; generation: string; stepMs: number } | null> {
  let last = 0;
  try {
    const { text, chunks, usage } = await stream(server, {
      model: name,
      messages: [{ role: "user", content: prompt }],
      max_tokens: TOKENS,
    }, {
      onText() {
        const now = performance.now();
        if (last > 0) onGap?.(now - last);
        last = now;
      },
    });
    const { weft }: Json = chunks.findLast((chunk: Json) => chunk.weft !== undefined);
    const stepMs = weft.timings.decode_ms / usage!.completion_tokens;
    return { text, generation: weft.adapters[0].generation, stepMs };
  } catch (error) {
    if (error instanceof Error && "status" in error && error.status === 404) return null;
    throw error;
  }
}

/** One change after another, each followed by as long a time without any. */
async function changeAll(
  server: TestServer,
  { origin, contents, gaps }: {
    origin: AdapterOrigin;
    contents: readonly Content[];
    gaps: Gaps;
  },
): Promise<{ swapped: number; deleted: number; refused: number }> {
  const done = { swapped: 0, deleted: 0, refused: 0 };
  for (let i = 0; i < CHANGES; i++) {
    const name = NAMES[(i * 3) % NAMES.length];
    const content = contents[(i * 5 + (i >> 3)) % contents.length];
    const started = performance.now();
    gaps.begin("during");
    if (i % 5 === 3) {
      const before = await show(server, name);
      origin.place(name, damaged(content, i));
      const refused = await put(server, { name, url: origin.url(name) });
      assert.equal(refused.status, 422, JSON.stringify(refused.body));
      const after = await show(server, name);
      assert.equal(after.generation, before.generation, "a bad file changes nothing");
      assert.equal(after.error.code, "bad_adapter");
      done.refused++;
    } else if (i % 5 === 4) {
      assert.equal((await remove(server, name)).status, 204);
      const gone = await server.post("/v1/chat/completions", chatBody({ base: name }));
      assert.equal(gone.status, 404, await gone.text());
      origin.place(name, content);
      assert.equal((await put(server, { name, url: origin.url(name) })).status, 201);
      done.deleted++;
    } else {
      origin.place(name, content);
      const { status } = await put(server, { name, url: origin.url(name) });
      assert.equal(status, 200);
      done.swapped++;
    }
    // Its streams feel a change until the next step.
    await pause(20);
    const took = performance.now() - started;
    gaps.begin("without");
    await pause(took);
  }
  return done;
}

/** Cut off, or no safetensors, or of another shape. */
function damaged({ config, weights }: Content, i: number): Content {
  if (i % 3 === 0) return { config, weights: weights.slice(0, weights.length >> 1) };
  if (i % 3 === 1) return { config, weights: new TextEncoder().encode("no safetensors") };
  const text = new TextDecoder().decode(config).replace(/"r": *\d+/, '"r": 3');
  return { config: new TextEncoder().encode(text), weights };
}

/** The longest gap between a stream's chunks in each window. */
class Gaps {
  readonly during: number[] = [];
  readonly without: number[] = [];
  #window: "during" | "without" = "without";
  #longest = 0;

  begin(window: "during" | "without"): void {
    if (this.#longest > 0) this[this.#window].push(this.#longest);
    this.#window = window;
    this.#longest = 0;
  }

  add(ms: number): void {
    this.#longest = Math.max(this.#longest, ms);
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

async function put(
  server: TestServer,
  { name, url }: { name: string; url: string },
): Promise<{ status: number; body: Json }> {
  const response = await fetch(`${server.url}/v1/adapters/${name}`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ url }),
  });
  return { status: response.status, body: await response.json() };
}

async function show(server: TestServer, name: string): Promise<Json> {
  return await (await fetch(`${server.url}/v1/adapters/${name}`)).json();
}

function remove(server: TestServer, name: string): Promise<Response> {
  return fetch(`${server.url}/v1/adapters/${name}`, { method: "DELETE" });
}
