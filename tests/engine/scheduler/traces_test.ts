import assert from "node:assert/strict";
import fc from "fast-check";
import { hashBlock } from "../../../engine/scheduler/prefix_hash.ts";
import { runTrace, type Trace, type TraceRequest } from "./trace.ts";

/** Lengths near block borders are the interesting ones. */
const length = fc.oneof(
  fc.integer({ min: 1, max: 80 }),
  fc.constantFrom(1, 15, 16, 17, 31, 32, 33, 47, 48, 49, 64),
);

/** Prompts share beginnings: a stretch of one of two long texts, then a few tokens of their own. */
const prompt = fc.record({ text: fc.nat(1), shared: length, own: fc.array(fc.nat(3)) }).map(
  ({ text, shared, own }) =>
    Uint32Array.from([...Array.from({ length: shared }, (_, i) => (i * i + text) % 7), ...own]),
);

const mixtureKey = fc.constantFrom("", "sql:1", "sql:0.5+math:0.5");

const request: fc.Arbitrary<TraceRequest> = fc.record({
  promptTokens: prompt,
  maxTokens: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 150 })),
  mixtureKey,
  arrival: fc.oneof(fc.constant(0), fc.nat(60)),
  changes: fc.array(
    fc.record({
      after: fc.integer({ min: 1, max: 60 }),
      key: mixtureKey,
      policy: fc.constantFrom("carry" as const, "recompute" as const),
    }),
    { maxLength: 3 },
  ),
  abort: fc.option(
    fc.record({ after: fc.nat(60), inFlight: fc.boolean() }),
    { nil: undefined, freq: 4 },
  ),
}, { requiredKeys: ["promptTokens", "maxTokens", "mixtureKey", "arrival"] });

const options = fc.record({
  maxBatch: fc.integer({ min: 1, max: 6 }),
  maxModelLen: fc.constantFrom(64, 65, 100, 200),
  numBlocks: fc.integer({ min: 2, max: 20 }),
  prefillTokenBudget: fc.constantFrom(1, 7, 16, 32, 50, 1000),
  maxBurst: fc.constantFrom(1, 2, 4, 8, 33),
  maxQueuedRequests: fc.constantFrom(2, 100),
  maxQueuedTokens: fc.constantFrom(60, 10_000),
  prefixCache: fc.boolean(),
});

const holds = fc.oneof(
  fc.constant([]),
  fc.array(fc.record({ mixtureKey, from: fc.nat(30), steps: fc.nat(20) }), { maxLength: 3 }),
);

const mixed: fc.Arbitrary<Trace> = fc.record({
  options,
  requests: fc.array(request, { minLength: 1, maxLength: 14, size: "max" }),
  holds,
});

/** Short questions, long answers, few blocks: nearly all of these traces preempt. */
const crowded: fc.Arbitrary<Trace> = fc.record({
  options: options.map((options) => ({
    ...options,
    maxBatch: options.maxBatch + 2,
    maxModelLen: 200,
    numBlocks: 6 + options.numBlocks % 8,
    maxQueuedRequests: 100,
    maxQueuedTokens: 10_000,
  })),
  requests: fc.array(
    request.map((request) => ({
      ...request,
      promptTokens: request.promptTokens.slice(0, 20),
      maxTokens: request.maxTokens + 40,
    })),
    { minLength: 3, maxLength: 8, size: "max" },
  ),
  holds,
});

const trace = fc.oneof(mixed, crowded);

Deno.test("any trace gives every request the tokens it gets alone, and balances at every step", () => {
  let carried = 0, recomputed = 0, preemptions = 0, cached = 0, answers = 0;
  fc.assert(
    fc.property(trace, (trace) => {
      const outcome = runTrace(trace);
      preemptions += outcome.preemptions;
      carried += outcome.changes.carry;
      recomputed += outcome.changes.recompute;
      cached += outcome.cachedPromptTokens;
      answers += outcome.answers.size;
    }),
    { numRuns: 3000 },
  );
  // The traces must reach what they are meant to test.
  assert.ok(answers > 5000 && preemptions > 500 && cached > 10_000);
  assert.ok(carried > 500 && recomputed > 500, `${carried} carried, ${recomputed} recomputed`);
});

Deno.test("colliding block hashes cost hits, never answers", () => {
  let cached = 0;
  fc.assert(
    fc.property(trace, fc.constantFrom(0n, 1n, 7n), (trace, mask) => {
      const poor = (parent: bigint, tokens: Uint32Array) => hashBlock(parent, tokens) & mask;
      const options = { ...trace.options, prefixCache: true, hashBlock: poor };
      cached += runTrace({ ...trace, options }).cachedPromptTokens;
    }),
    { numRuns: 600 },
  );
  assert.ok(cached > 1000);
});

Deno.test("budget, burst, batch, blocks and cache change nothing of the answers", () => {
  fc.assert(
    fc.property(
      fc.array(request, { minLength: 1, maxLength: 10, size: "max" }),
      options,
      (requests, options) => {
        const roomy = { maxModelLen: 150, maxQueuedRequests: 100, maxQueuedTokens: 10_000 };
        const stay = requests.map(({ abort: _, changes: __, ...request }) => request);
        const tight = { ...options, ...roomy, numBlocks: 9 + options.numBlocks };
        const wide = {
          ...roomy,
          maxBatch: 64,
          numBlocks: 1000,
          prefillTokenBudget: 10_000,
          maxBurst: 1,
          prefixCache: false,
        };
        assert.deepEqual(
          sorted(runTrace({ options: tight, requests: stay, holds: [] }).answers),
          sorted(runTrace({ options: wide, requests: stay, holds: [] }).answers),
        );
      },
    ),
    { numRuns: 300 },
  );
});

function sorted(answers: Map<string, number[]>): [string, number[]][] {
  return [...answers].sort(([a], [b]) => Number(a) - Number(b));
}
