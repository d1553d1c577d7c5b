import assert from "node:assert/strict";
import { type Gpu, openGpu, Readback, Recorder } from "../../../engine/gpu/mod.ts";
import { KernelSet, type Matrix } from "../../../engine/kernels/mod.ts";
import { openModelDirectory } from "../../../engine/loader/mod.ts";
import { uploadWeights } from "../../../engine/model/mod.ts";

const LLAMA = new URL("../../fixtures/models/llama", import.meta.url).pathname;

/** All shards of a matrix, one after another. */
async function download(gpu: Gpu, { shards, cols }: Matrix): Promise<Float32Array> {
  const recorder = new Recorder(gpu);
  const parts: number[] = [];
  for (const { buffer, rows } of shards) {
    const bytes = rows * cols * 4;
    const readback = await Readback.open(gpu, bytes);
    const [data] = await readback.read(recorder, [{ buffer, bytes }]);
    parts.push(...new Float32Array(data));
    await readback.close();
  }
  return Float32Array.from(parts);
}

Deno.test("matrices beyond the binding limit are cut into shards with the same contents", async () => {
  const gpu = await openGpu();
  using model = await openModelDirectory(LLAMA);
  const whole = await uploadWeights(new KernelSet(gpu, "f32"), model);
  const small: Gpu = {
    ...gpu,
    limits: new Proxy(gpu.limits, {
      get: (limits, name) =>
        name === "maxStorageBufferBindingSize" ? 5000 : Reflect.get(limits, name, limits),
    }),
  };
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
