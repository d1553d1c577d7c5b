import assert from "node:assert/strict";
import { type Gpu, openGpu, Readback, Recorder } from "../../../engine/gpu/mod.ts";
import { KernelSet, ProductChoices, rotationTable } from "../../../engine/kernels/mod.ts";
import { type ModelDirectory, openModelDirectory } from "../../../engine/loader/mod.ts";
import { LoraPool } from "../../../engine/lora/mod.ts";
import { DecoderStack } from "../../../engine/model/decoder_stack.ts";
import { type ModelWeights, uploadWeights } from "../../../engine/model/mod.ts";
import { createStepBuffers, type StepBuffers } from "../../../engine/model/step_buffers.ts";
import { assertClose } from "../kernels/harness.ts";

const LLAMA = new URL("../../fixtures/models/llama", import.meta.url).pathname;
const SHAPE = { maxPrefillTokens: 16, maxBatch: 4, maxModelLen: 512, maxBlocks: 32 };
/** Longer than a span of decode attention: the spans are joined by a dispatch more. */
const LONG_CONTEXT = 300;

interface Setup {
  gpu: Gpu;
  model: ModelDirectory;
  kernels: KernelSet;
  recorder: Recorder;
}

async function withModel(body: (setup: Setup) => Promise<void>): Promise<void> {
  const gpu = await openGpu();
  using model = await openModelDirectory(LLAMA);
  await body({ gpu, model, kernels: new KernelSet(gpu, "f32"), recorder: new Recorder(gpu) });
  await gpu.device.queue.onSubmittedWorkDone();
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(gpu.fault(), null);
  gpu.buffers.destroy();
  gpu.device.destroy();
}

/** Layers that decode, over rows 0 to 2 that feed tokens 5 to 7 at position 0. */
function decodeStack(
  { gpu, kernels, recorder, model: { config } }: Setup,
  weights: ModelWeights,
): { stack: DecoderStack; buffers: StepBuffers } {
  const uniforms = recorder.uniforms.buffer;
  const buffers = createStepBuffers(gpu, config, SHAPE);
  const pool = new LoraPool(kernels, {
    config,
    maxBatch: SHAPE.maxBatch,
    maxTokens: SHAPE.maxPrefillTokens,
    maxAdapters: 2,
    maxLoraRank: 8,
    rankRows: 16,
    uniforms,
  });
  const cacheBytes = SHAPE.maxBatch * config.numKvHeads * 16 * config.headDim * 4;
  const stack = new DecoderStack("decode", {
    kernels,
    products: new ProductChoices(kernels),
    config,
    shape: SHAPE,
    weights,
    buffers,
    caches: weights.layers.map(() => ({
      k: gpu.buffers.storage("keys", cacheBytes),
      v: gpu.buffers.storage("values", cacheBytes),
    })),
    rotation: gpu.buffers.from("rotation", rotationTable(config, SHAPE.maxModelLen)),
    adapters: pool.adapters,
    uniforms,
  });
  const { queue } = gpu.device;
  queue.writeBuffer(buffers.decode.tokens, 0, Uint32Array.of(5, 6, 7));
  queue.writeBuffer(buffers.decode.rows, 0, Uint32Array.of(0, 1, 2));
  [0, 1, 2].forEach((row) =>
    queue.writeBuffer(buffers.decode.blockTables, 4 * row * SHAPE.maxBlocks, Uint32Array.of(row))
  );
  return { stack, buffers };
}

Deno.test("a layer that decodes takes 6 dispatches, 7 in long contexts, and 4 more with adapters", async () => {
  await withModel(async (setup) => {
    const { recorder, model, kernels } = setup;
    const weights = await uploadWeights(kernels, model);
    const { stack } = decodeStack(setup, weights);
    const perLayer = (contextLength: number, rankTotal: number) => {
      const before = recorder.dispatches;
      stack.record(recorder, { tokens: 3, contextLength, rankTotal });
      recorder.submit();
      // Embedding and the first norm's parts come before the layers.
      return (recorder.dispatches - before - 2) / model.config.numLayers;
    };
    assert.equal(perLayer(1, 0), 6);
    assert.equal(perLayer(1, 8), 10);
    assert.equal(perLayer(LONG_CONTEXT, 0), 7);
    assert.equal(perLayer(LONG_CONTEXT, 8), 11);
  });
});

Deno.test("gates and ups in several buffers make the same residual stream", async () => {
  await withModel(async (setup) => {
    const { gpu, recorder, model, kernels } = setup;
    // Only the weights see the limit.
    const limits = new Proxy(gpu.limits, {
      get: (limits, name) =>
        name === "maxStorageBufferBindingSize" ? 5000 : Reflect.get(limits, name, limits),
    });
    const small = new KernelSet({ ...gpu, limits }, "f32");
    const whole = await uploadWeights(kernels, model);
    const cut = await uploadWeights(small, model);
    assert.equal(whole.layers[0].gateUp.weight.shards.length, 1);
    assert.ok(cut.layers[0].gateUp.weight.shards.length > 1);
    const { hiddenSize } = model.config;
    const readback = await Readback.open(gpu, 4 * 3 * hiddenSize);
    const streamOf = async (weights: ModelWeights) => {
      const { stack, buffers } = decodeStack(setup, weights);
      stack.record(recorder, { tokens: 3, contextLength: 1, rankTotal: 0 });
      const { buffer } = buffers.stream;
      const [bytes] = await readback.read(recorder, [{ buffer, bytes: 4 * 3 * hiddenSize }]);
      return new Float32Array(bytes.slice(0));
    };
    const expected = await streamOf(whole);
    assert.ok(expected.some((value) => Math.abs(value) > 0.01));
    assertClose(await streamOf(cut), expected, 1e-5);
    await readback.close();
  });
});
