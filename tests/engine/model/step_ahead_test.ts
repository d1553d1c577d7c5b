import assert from "node:assert/strict";
import { type RecordedStep, StepAhead } from "../../../engine/model/step_ahead.ts";
import type { StepInput } from "../../../engine/model/mod.ts";

const NONE = new Uint32Array(0);
const STEP: RecordedStep = { submission: { submit() {} }, staged: null };

function decoding(
  change: Partial<Omit<StepInput, "decode">> & { decode?: Partial<StepInput["decode"]> } = {},
): StepInput {
  return {
    prefill: { tokens: 0, contextLength: 0, rankTotal: 0, ids: NONE, positions: NONE, rows: NONE },
    sampled: Uint32Array.of(0, 1),
    picks: NONE,
    burst: 4,
    logprobs: false,
    ...change,
    decode: { tokens: 2, contextLength: 50, rankTotal: 16, ...change.decode },
  };
}

const prompt: StepInput["prefill"] = {
  tokens: 1,
  contextLength: 1,
  rankTotal: 0,
  ids: Uint32Array.of(5),
  positions: Uint32Array.of(0),
  rows: Uint32Array.of(1),
};

/** What was kept behind a burst, offered to the step that came. */
function taken(came: StepInput): RecordedStep | null {
  const ahead = new StepAhead({ burst: 4, maxModelLen: 100 });
  ahead.keep(ahead.after(decoding())!, STEP);
  return ahead.take(came);
}

Deno.test("behind a full burst another one is likely, a burst further on", () => {
  const ahead = new StepAhead({ burst: 4, maxModelLen: 100 });
  assert.equal(ahead.after(decoding())!.decode.contextLength, 54);
  assert.equal(ahead.after(decoding({ decode: { contextLength: 99 } }))!.decode.contextLength, 100);
});

Deno.test("behind anything else nothing is", () => {
  const ahead = new StepAhead({ burst: 4, maxModelLen: 100 });
  assert.equal(ahead.after(decoding({ burst: 3 })), null);
  assert.equal(ahead.after(decoding({ prefill: prompt })), null);
  assert.equal(ahead.after(decoding({ picks: Uint32Array.of(0) })), null);
  assert.equal(ahead.after(decoding({ decode: { tokens: 0 } })), null);
});

Deno.test("a kept step stands for one with the same commands, whatever its rows", () => {
  assert.equal(taken(decoding({ decode: { contextLength: 54 } })), STEP);
  assert.equal(taken(decoding({ sampled: Uint32Array.of(7, 3) })), STEP);
  // Rows that drew less than a burst.
  assert.equal(taken(decoding({ decode: { contextLength: 51 } })), STEP);
});

Deno.test("a kept step doesn't stand for one with other commands", () => {
  assert.equal(taken(decoding({ decode: { tokens: 3 } })), null);
  assert.equal(taken(decoding({ decode: { rankTotal: 0 } })), null);
  assert.equal(taken(decoding({ decode: { contextLength: 55 } })), null);
  assert.equal(taken(decoding({ burst: 1 })), null);
  assert.equal(taken(decoding({ logprobs: true })), null);
  assert.equal(taken(decoding({ prefill: prompt })), null);
});

Deno.test("a kept step is used once, and not after another came", () => {
  const ahead = new StepAhead({ burst: 4, maxModelLen: 100 });
  ahead.keep(ahead.after(decoding())!, STEP);
  assert.equal(ahead.take(decoding({ burst: 1 })), null);
  assert.equal(ahead.take(decoding()), null);
  ahead.keep(ahead.after(decoding())!, STEP);
  assert.equal(ahead.take(decoding()), STEP);
  assert.equal(ahead.take(decoding()), null);
});
