import assert from "node:assert/strict";
import { WeftError } from "../../../engine/core/errors.ts";
import type { ModelConfig } from "../../../engine/core/model_config.ts";
import { sizeEngine, type SizingFacts } from "../../../engine/runner/sizing.ts";
import { withRunner } from "./harness.ts";
import { MODELS } from "./lora_fixture.ts";

const GIB = 2 ** 30;
const MIB = 2 ** 20;

/** Llama 3 8B's shape. */
const LLAMA_8B: ModelConfig = {
  architecture: "llama",
  vocabSize: 128_256,
  hiddenSize: 4096,
  intermediateSize: 14_336,
  numLayers: 32,
  numHeads: 32,
  numKvHeads: 8,
  headDim: 128,
  rmsNormEps: 1e-5,
  ropeTheta: 500_000,
  ropeScaling: { kind: "none" },
  maxPositionEmbeddings: 8192,
  tieWordEmbeddings: false,
  qkvBias: false,
  outBias: false,
  mlpBias: false,
  qkNorm: false,
  slidingWindow: 0,
  eosTokenIds: [128_001],
};

/** An 80 GB card with the model in f16. */
const CARD: SizingFacts = {
  config: LLAMA_8B,
  elementBytes: 2,
  weightBytes: 8_030_261_248 * 2,
  memoryBytes: 72 * GIB,
  defaultKvBytes: 64 * GIB,
  defaultPrefillTokens: 512,
  maxBindingBytes: 2 ** 31,
};
/** Keys and values of 16 tokens: 2 · 32 layers · 8 heads · 16 · 128 · 2 bytes. */
const BLOCK = 2 * MIB;

function refusal(...args: Parameters<typeof sizeEngine>): string {
  try {
    sizeEngine(...args);
  } catch (error) {
    assert.ok(error instanceof WeftError);
    assert.equal(error.code, "unsupported");
    return error.message;
  }
  return assert.fail("it was not refused");
}

Deno.test("an 8B model on 80 GB gets blocks for a full batch of full contexts, and stays within the card", () => {
  const sizing = sizeEngine({}, CARD);
  assert.equal(sizing.maxBatch, 32);
  assert.equal(sizing.maxModelLen, 8192);
  assert.equal(sizing.numBlocks, 32 * 512);
  assert.equal(sizing.kvBytes, 32 * 512 * BLOCK);
  assert.ok(sizing.totalBytes <= CARD.memoryBytes!);
  assert.ok(sizing.totalBytes > CARD.weightBytes + sizing.kvBytes + sizing.adapterBytes);
  assert.ok(sizing.rankRows >= 32 * 16);
});

Deno.test("an 8B model on 24 GB gets what is left for its cache", () => {
  const memoryBytes = Math.floor(0.9 * 24 * GIB);
  const sizing = sizeEngine({}, { ...CARD, memoryBytes });
  assert.ok(sizing.numBlocks >= 512 && sizing.numBlocks < 32 * 512);
  assert.ok(sizing.totalBytes <= memoryBytes);
  assert.ok(sizing.totalBytes > memoryBytes - BLOCK, "memory was left unused");
});

Deno.test("the cache keeps to its default unless more is asked for", () => {
  const facts = { ...CARD, defaultKvBytes: 4 * GIB };
  assert.equal(sizeEngine({}, facts).kvBytes, 4 * GIB);
  assert.equal(sizeEngine({ kvMemoryBytes: 8 * GIB }, facts).kvBytes, 8 * GIB);
  // One full context there must be.
  assert.equal(sizeEngine({}, { ...CARD, defaultKvBytes: 256 * MIB }).numBlocks, 512);
});

Deno.test("a cache larger than all rows can fill is not allocated", () => {
  const sizing = sizeEngine({ maxBatch: 2, maxModelLen: 1000, kvMemoryBytes: 8 * GIB }, CARD);
  assert.equal(sizing.numBlocks, 2 * 63);
});

Deno.test("a model that does not fit is refused with what it needs and what there is", () => {
  const message = refusal({}, { ...CARD, memoryBytes: 16 * GIB });
  assert.match(message, /15\.0 GiB of weights/);
  assert.match(message, /1\.0 GiB of KV cache \(one context of 8192 tokens\)/);
  const [, needed] = /need (\d+\.\d) GiB; there is 16\.0 GiB/.exec(message)!;
  const sizing = sizeEngine({ kvMemoryBytes: GIB }, CARD);
  assert.ok(Math.abs(Number(needed) - sizing.totalBytes / GIB) < 0.1);
  // With as much as it says, it fits.
  sizeEngine({}, { ...CARD, memoryBytes: sizing.totalBytes });
  refusal({}, { ...CARD, memoryBytes: sizing.totalBytes - 1 });
});

Deno.test("a cache that was asked for is never quietly made smaller", () => {
  const message = refusal({ kvMemoryBytes: 20 * GIB }, { ...CARD, memoryBytes: 24 * GIB });
  assert.match(message, /20\.0 GiB of KV cache \(--kv-memory\)/);
});

Deno.test("a cache too small for one context is refused, whatever the memory", () => {
  for (const memoryBytes of [null, 72 * GIB]) {
    const message = refusal({ kvMemoryBytes: 100 * MIB }, { ...CARD, memoryBytes });
    assert.match(message, /in 100 MiB: one context of 8192 tokens needs 1\.0 GiB \(--kv-memory/);
  }
  assert.equal(sizeEngine({ kvMemoryBytes: 100 * MIB, maxModelLen: 800 }, CARD).numBlocks, 50);
});

Deno.test("contexts beyond the model's positions are refused", () => {
  assert.match(refusal({ maxModelLen: 8193 }, CARD), /the model has 8192 positions/);
});

Deno.test("small storage bindings limit the cache, and refuse what cannot be cut", () => {
  const maxBindingBytes = 128 * MIB;
  // A layer's keys of a block take 32 KiB.
  assert.equal(sizeEngine({}, { ...CARD, maxBindingBytes }).numBlocks, 4096);
  const long = { ...LLAMA_8B, maxPositionEmbeddings: 131_072 };
  const facts = { ...CARD, config: long, maxBindingBytes };
  assert.match(
    refusal({ maxModelLen: 131_072 }, facts),
    /one context of 131072 tokens needs 16\.0 GiB, storage bindings hold 8\.0 GiB of it/,
  );
  assert.match(refusal({ maxBatch: 1024 }, facts), /logits need 501 MiB.*\(--max-batch\)/);
  assert.match(
    refusal({ maxLoraRank: 1024 }, { ...facts, maxBindingBytes: 32 * MIB }),
    /Cannot hold adapters of rank 1024/,
  );
});

Deno.test("a plan without regard to memory refuses nothing for want of it", () => {
  const sizing = sizeEngine({}, { ...CARD, memoryBytes: null });
  assert.equal(sizing.numBlocks, 32 * 512);
});

for (const maxModelLen of [64, 512]) {
  Deno.test(`a runner of contexts up to ${maxModelLen} allocates what its sizing said`, async () => {
    await withRunner(`${MODELS}qwen2`, { sizing: { maxModelLen, maxBatch: 32 } }, (test) => {
      const { allocatedBytes, sizing } = test;
      assert.ok(allocatedBytes <= sizing.totalBytes, `${allocatedBytes} of ${sizing.totalBytes}`);
      assert.ok(
        allocatedBytes > 0.8 * sizing.totalBytes,
        `${allocatedBytes}, ${sizing.totalBytes}`,
      );
      return Promise.resolve();
    });
  });
}
