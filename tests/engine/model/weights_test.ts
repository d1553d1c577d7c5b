import assert from "node:assert/strict";
import { type Gpu, openGpu, Readback, Recorder } from "../../../engine/gpu/mod.ts";
import { KernelSet, type Matrix, quantisedLayout } from "../../../engine/kernels/mod.ts";
import { openModelDirectory, planWeights } from "../../../engine/loader/mod.ts";
import { matrixFormats, uploadWeights, weightBytesOf } from "../../../engine/model/mod.ts";

const LLAMA = new URL("../../fixtures/models/llama", import.meta.url).pathname;

async function bytesOf(gpu: Gpu, buffer: GPUBuffer, bytes: number): Promise<Uint8Array> {
  const readback = await Readback.open(gpu, bytes);
  const [data] = await readback.read(new Recorder(gpu), [{ buffer, bytes }]);
  await readback.close();
  return new Uint8Array(data.slice(0));
}

/** All shards of an f32 matrix, one after another. */
async function download(gpu: Gpu, { shards, cols }: Matrix): Promise<Float32Array> {
  const parts: number[] = [];
  for (const { buffer, rows } of shards) {
    const bytes = await bytesOf(gpu, buffer, rows * cols * 4);
    parts.push(...new Float32Array(bytes.buffer));
  }
  return Float32Array.from(parts);
}

/** The weights, then the scales, of all shards of a quantised matrix. */
async function downloadQuantised(gpu: Gpu, { shards, cols, format }: Matrix): Promise<number[]> {
  const weights: number[] = [];
  const scales: number[] = [];
  for (const { buffer, rows } of shards) {
    assert.ok(format === "int8" || format === "int4");
    const { blocks, blockBytes, scaleBytes } = quantisedLayout(format, { rows, cols });
    const bytes = await bytesOf(gpu, buffer, buffer.size);
    weights.push(...bytes.subarray(0, blocks * blockBytes));
    scales.push(...bytes.subarray(blocks * blockBytes, blocks * (blockBytes + scaleBytes)));
  }
  return [...weights, ...scales];
}

/** The device, with bindings of so many bytes at most. */
function withBindings(gpu: Gpu, bytes: number): Gpu {
  return {
    ...gpu,
    limits: new Proxy(gpu.limits, {
      get: (limits, name) =>
        name === "maxStorageBufferBindingSize" ? bytes : Reflect.get(limits, name, limits),
    }),
  };
}

Deno.test("matrices beyond the binding limit are cut into shards with the same contents", async () => {
  const gpu = await openGpu();
  using model = await openModelDirectory(LLAMA);
  const whole = await uploadWeights(new KernelSet(gpu, "f32"), model);
  const small = withBindings(gpu, 5000);
  const cut = await uploadWeights(new KernelSet(small, "f32"), model);
  const pairs: [Matrix, Matrix][] = [
    [whole.embedding, cut.embedding],
    [whole.head, cut.head],
    [whole.layers[1].qkv.weight, cut.layers[1].qkv.weight],
    [whole.layers[1].down.weight, cut.layers[1].down.weight],
  ];
  for (const [one, many] of pairs) {
    assert.equal(one.shards.length, 1);
    assert.ok(many.shards.length > 1);
    assert.ok(many.shards.every(({ buffer }) => buffer.size <= 5008));
    assert.deepEqual(await download(gpu, many), await download(gpu, one));
  }
  gpu.buffers.destroy();
  gpu.device.destroy();
});

for (const format of ["int8", "int4"] as const) {
  Deno.test(`${format} matrices are cut between blocks of rows, with the same contents`, async () => {
    const gpu = await openGpu();
    using model = await openModelDirectory(LLAMA);
    const formats = { vocabulary: format, layers: format };
    const whole = await uploadWeights(new KernelSet(gpu, "f32"), model, { formats });
    const limit = 1200;
    const small = withBindings(gpu, limit);
    const cut = await uploadWeights(new KernelSet(small, "f32"), model, { formats });
    for (const  of of[0, 1, 2]) {
      const [one, many] = [whole, cut].map(({ layers, embedding, head }) =>
        [embedding, head, layers[1].down.weight][of]
      );
      assert.equal(one.shards.length, 1);
      assert.ok(many.shards.length > 1);
      assert.ok(many.shards.every(({ buffer }) => buffer.size <= limit));
      assert.deepEqual(await downloadQuantised(gpu, many), await downloadQuantised(gpu, one));
    }
    gpu.buffers.destroy();
    gpu.device.destroy();
  });
}

Deno.test("weights take the bytes that were foretold, in every format", async () => {
  for (const name of ["llama", "llama-tied", "qwen2", "qwen3"]) {
    const gpu = await openGpu();
    using model = await openModelDirectory(LLAMA.replace(/llama$/, name));
    for (const dtype of ["f32", "f16"] as const) {
      if (dtype === "f16" && !gpu.hasF16) continue;
      const kernels = new KernelSet(gpu, dtype);
      for (const quantize of ["none", "int8", "int4"] as const) {
        const formats = matrixFormats(dtype, quantize);
        const before = gpu.buffers.bytes;
        await uploadWeights(kernels, model, { formats });
        const foretold = weightBytesOf(planWeights(model.config, model.tensors), formats);
        // Buffers are whole words of 16 bytes.
        const slack = gpu.buffers.bytes - before - foretold;
        assert.ok(slack >= 0 && slack < 16 * model.tensors.size, `${name} ${quantize}: ${slack}`);
      }
    }
    gpu.buffers.destroy();
    gpu.device.destroy();
  }
});

Deno.test("columns that make no whole tiles are refused by name and size", async () => {
  using model = await openModelDirectory(LLAMA);
  const plan = planWeights(model.config, model.tensors);
  const odd = { ...plan, head: { ...plan.head!, cols: 68 } };
  weightBytesOf(odd, { vocabulary: "int8", layers: "int4" });
  assert.throws(() => weightBytesOf(odd, { vocabulary: "int4", layers: "int4" }), {
    code: "bad_model",
    message: /Cannot hold lm_head.weight as int4: its rows have 68 columns, no multiple of 8/,
  });
});

Deno.test("a value beyond the scales is refused by name", async () => {
  const gpu = await openGpu();
  using model = await openModelDirectory(LLAMA);
  const chunks = model.chunks.bind(model);
  model.chunks = async function* (name, options) {
    for await (const chunk of chunks(name, options)) {
      if (name === "lm_head.weight") chunk.data[70] = -70000;
      yield chunk;
    }
  };
  const formats = matrixFormats("f32", "int8");
  await assert.rejects(uploadWeights(new KernelSet(gpu, "f32"), model, { formats }), {
    code: "bad_model",
    message: /Cannot load lm_head.weight: it holds ±70000, too large for int8.*--quantize none/,
  });
  gpu.buffers.destroy();
  gpu.device.destroy();
});
