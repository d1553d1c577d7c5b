import assert from "node:assert/strict";
import type { GenerateRequest, SamplingParams } from "../../../engine/core/generation.ts";
import { GREEDY } from "../../../engine/core/generation.ts";
import { type TestRunner, withRunner } from "./harness.ts";
import { MODELS, readLoraFixture } from "./lora_fixture.ts";

const MODEL = `${MODELS}llama`;
const PROMPT = Uint32Array.of(1, 2, 3);

/** Submits and returns the refusal. */
function refusal(test: TestRunner, request: Partial<GenerateRequest>) {
  const before = test.runner.size;
  test.submit({ id: "it", promptTokens: PROMPT, ...request });
  const { error, events } = test.outcomes.get("it")!;
  assert.ok(error, "it was not refused");
  assert.deepEqual(events, []);
  assert.equal(test.runner.size, before);
  return error;
}

/** The runner still answers as PyTorch does. */
async function assertSound(test: TestRunner): Promise<void> {
  const { rows } = await readLoraFixture();
  test.submit({ id: "after", promptTokens: rows[0].prompt, maxTokens: 8 });
  await test.drain();
  assert.deepEqual(test.outcomes.get("after")!.tokens, rows[0].greedy.slice(0, 8));
}

Deno.test("prompts that cannot run are refused as invalid, and say why", async () => {
  await withRunner(MODEL, { sizing: { maxModelLen: 64 } }, async (test) => {
    const cases: [Uint32Array, RegExp][] = [
      [new Uint32Array(0), /the prompt is empty/],
      [new Uint32Array(64).fill(3), /a prompt of 64 tokens leaves no room in a context of 64/],
      [Uint32Array.of(1, 256, 2), /token 256 at position 1 of the prompt is not below 256/],
      [Uint32Array.of(0xffffffff), /token 4294967295 at position 0/],
    ];
    for (const [promptTokens, message] of cases) {
      const { code, message: got } = refusal(test, { promptTokens });
      assert.equal(code, "invalid_request");
      assert.match(got, message);
    }
    await assertSound(test);
  });
});

Deno.test("numbers that the GPU would misread are refused as invalid, and name their field", async () => {
  await withRunner(MODEL, {}, async (test) => {
    const cases: [string, Partial<SamplingParams>][] = [
      ["temperature", { temperature: NaN }],
      ["temperature", { temperature: -0.1 }],
      ["top_p", { topP: NaN }],
      ["top_k", { topK: -1 }],
      ["min_p", { minP: 1.5 }],
      ["repetition_penalty", { repetitionPenalty: 0 }],
      ["frequency_penalty", { frequencyPenalty: Infinity }],
      ["presence_penalty", { presencePenalty: NaN }],
      ["seed", { seed: 2 ** 32 }],
      ["logprobs", { logprobs: 21 }],
      ["logit_bias", { logitBias: new Map([[256, 1]]) }],
      ["logit_bias", { logitBias: new Map([[-1, 1]]) }],
      ["logit_bias", { logitBias: new Map([[1, NaN]]) }],
      ["logit_bias", { logitBias: new Map([[1, -Infinity]]) }],
    ];
    for (const [param, sampling] of cases) {
      const error = refusal(test, { sampling: { ...GREEDY, ...sampling } });
      assert.equal(error.code, "invalid_request");
      assert.equal(error.param, param);
    }
    for (const maxTokens of [0, -1, 1.5, NaN]) {
      assert.equal(refusal(test, { maxTokens }).code, "invalid_request");
    }
    await assertSound(test);
  });
});

Deno.test("a mixture of nine, or with a weight that is no number, is refused as invalid", async () => {
  await withRunner(MODEL, {}, async (test) => {
    const nine = Array.from({ length: 9 }, (_, i) => ({ generation: `${i}`, weight: 1 }));
    for (const mixture of [nine, [{ generation: "a", weight: NaN }]]) {
      const { code, param } = refusal(test, { mixture });
      assert.deepEqual([code, param], ["invalid_request", "lora"]);
    }
    await assertSound(test);
  });
});

Deno.test("more logit biases than a row holds are refused before they can stop the engine", async () => {
  await withRunner(`${MODELS}llama`, {}, async (test) => {
    const logitBias = new Map(Array.from({ length: 1025 }, (_, i) => [i, 1]));
    const error = refusal(test, { sampling: { ...GREEDY, logitBias } });
    assert.deepEqual([error.code, error.param], ["invalid_request", "logit_bias"]);
    await assertSound(test);
  });
});

Deno.test("a second request under a running one's id is refused and leaves the first alone", async () => {
  const { rows } = await readLoraFixture();
  await withRunner(MODEL, {}, async (test) => {
    const { prompt, greedy } = rows[0];
    test.submit({ id: "it", promptTokens: prompt, maxTokens: 10 });
    const first = test.outcomes.get("it")!;
    assert.match(refusal(test, {}).message, /the id is in use/);
    test.outcomes.set("it", first);
    await test.drain();
    assert.deepEqual(first.tokens, greedy.slice(0, 10));
  });
});

for (
  const [what, limits, fits] of [
    ["requests", { maxQueuedRequests: 3 }, 3],
    ["prompt tokens", { maxQueuedTokens: 10 }, 3],
  ] as const
) {
  Deno.test(`a queue full of ${what} refuses as overloaded, says when to try again, and takes more once there is room`, async () => {
    await withRunner(MODEL, { sizing: { maxBatch: 1 }, ...limits }, async (test) => {
      test.submit({ id: "runs", promptTokens: PROMPT });
      await test.runner.step();
      for (let i = 0; i < fits; i++) test.submit({ id: `waits ${i}`, promptTokens: PROMPT });
      const { code, retryAfterSeconds } = refusal(test, {});
      assert.equal(code, "overloaded");
      assert.ok(retryAfterSeconds! >= 1);
      test.runner.abort("waits 0");
      test.submit({ id: "fits", promptTokens: PROMPT });
      await test.drain();
      assert.equal(test.outcomes.get("fits")!.finished?.reason, "length");
      await assertSound(test);
    });
  });
}
