import assert from "node:assert/strict";
import {
  type GeneratedToken,
  type GenerateRequest,
  GREEDY,
  type SamplingParams,
} from "../../../engine/core/generation.ts";
import { withRunner } from "./harness.ts";
import { readLoraFixture } from "./lora_fixture.ts";

const FAIR: SamplingParams = { ...GREEDY, temperature: 1, seed: 1234 };
const BLOCK_BYTES = 2 * 3 * 2 * 16 * 16 * 4;

type Request = Partial<GenerateRequest> & { id: string; promptTokens: Uint32Array };
type Options = Partial<Parameters<typeof withRunner>[1]>;

/** What each request draws when all are submitted at once. */
async function draw(requests: readonly Request[], options: Options = {}) {
  const { base, adapters } = await readLoraFixture();
  const drawn = new Map<string, number[]>();
  const logprobs = new Map<string, GeneratedToken[]>();
  let preemptions = 0;
  await withRunner(base, { adapters, prefixCache: false, ...options }, async (test) => {
    for (const request of requests) test.submit(request);
    await test.drain();
    for (const { id } of requests) {
      const { tokens, generated } = test.outcomes.get(id)!;
      drawn.set(id, tokens);
      logprobs.set(id, generated);
    }
    preemptions = test.scheduler.stats.preemptions;
  });
  return { drawn, logprobs, preemptions };
}

/** Eight requests, each with its own mixture, prompt and way of drawing. */
async function eightRequests(maxTokens: number): Promise<Request[]> {
  const { rows } = await readLoraFixture();
  return rows.slice(0, 8).map(({ prompt, mixture }, i) => ({
    id: `${i}`,
    promptTokens: prompt,
    mixture,
    maxTokens,
    sampling: {
      ...FAIR,
      seed: 1000 + i,
      temperature: [1, 0, 0.7, 1.3, 1, 2, 0.2, 1][i],
      topP: i % 2 ? 0.9 : 1,
      topK: i % 3 ? 0 : 40,
      minP: i === 4 ? 0.05 : 0,
      repetitionPenalty: i === 5 ? 1.3 : 1,
      frequencyPenalty: i === 6 ? 0.4 : 0,
      presencePenalty: i === 7 ? 0.5 : 0,
    },
  }));
}

Deno.test("a seed draws the same tokens, with the same bits of log-probability, alone, beside seven others, and in prefills of any size", async () => {
  const requests = (await eightRequests(48)).map((request) => ({
    ...request,
    sampling: { ...request.sampling!, logprobs: 3 },
  }));
  const together = (await draw(requests)).logprobs;
  for (const prefillTokens of [1, 7, 16]) {
    const { logprobs } = await draw(requests, { prefillTokens });
    assert.deepEqual(logprobs, together, `${prefillTokens} prompt tokens a step`);
  }
  for (const request of requests) {
    const { logprobs } = await draw([request]);
    assert.deepEqual(logprobs.get(request.id), together.get(request.id), `${request.id} alone`);
  }
});

Deno.test("a seed draws the same tokens beside a context so long that attention is cut in spans", async () => {
  const { rows } = await readLoraFixture();
  const sizing = { maxModelLen: 512 };
  const long = Uint32Array.from({ length: 400 }, (_, i) => 3 + (i * 31) % 250);
  const short = {
    id: "short",
    promptTokens: rows[0].prompt,
    maxTokens: 48,
    sampling: { ...FAIR, logprobs: 3 },
  };
  const neighbour = {
    id: "long",
    promptTokens: long,
    maxTokens: 60,
    sampling: { ...FAIR, logprobs: 3 },
  };
  const alone = await draw([short], { sizing });
  const beside = await draw([neighbour, short], { sizing });
  assert.deepEqual(beside.logprobs.get("short"), alone.logprobs.get("short"));
  const longAlone = await draw([neighbour], { sizing });
  assert.deepEqual(beside.logprobs.get("long"), longAlone.logprobs.get("long"));
});

Deno.test("a seed draws the same tokens after a preemption", async () => {
  const requests = await eightRequests(48);
  const roomy = await draw(requests);
  assert.equal(roomy.preemptions, 0);
  const tight = await draw(requests, {
    sizing: { maxModelLen: 128, kvMemoryBytes: 12 * BLOCK_BYTES },
  });
  assert.ok(tight.preemptions > 0);
  assert.deepEqual(tight.drawn, roomy.drawn);
});

Deno.test("other seeds draw other tokens, and the n-th token does not repeat the first's luck", async () => {
  const promptTokens = Uint32Array.of(5, 6, 7);
  const requests = Array.from({ length: 8 }, (_, i) => ({
    id: `${i}`,
    promptTokens,
    maxTokens: 24,
    sampling: { ...FAIR, seed: i },
  }));
  const { drawn } = await draw(requests);
  assert.equal(new Set([...drawn.values()].map(String)).size, requests.length);
  for (const tokens of drawn.values()) assert.ok(new Set(tokens).size > 6, `${tokens}`);
});

Deno.test("greedy rows ignore the seed", async () => {
  const promptTokens = Uint32Array.of(5, 6, 7);
  const { drawn } = await draw(
    [1, 2, 3].map((seed) => ({ id: `${seed}`, promptTokens, sampling: { ...GREEDY, seed } })),
  );
  assert.equal(new Set([...drawn.values()].map(String)).size, 1);
});
