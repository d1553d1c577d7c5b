import assert from "node:assert/strict";
import { Kernel, openGpu, Readback, Recorder } from "../../../engine/gpu/mod.ts";

const SCALE = `
struct Params { count: u32, factor: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
override OFFSET: f32 = 0.0;
@compute @workgroup_size(32) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x < params.count) { y[id.x] = x[id.x] * params.factor + OFFSET; }
}`;

Deno.test("a kernel runs with buffers and parameters given by their WGSL names", async () => {
  const gpu = await openGpu();
  const recorder = new Recorder(gpu);
  const readback = await Readback.open(gpu, 64);
  const x = gpu.buffers.from("x", new Float32Array([1, 2, 3, 4]));
  const y = gpu.buffers.storage("y", 16);
  const kernel = new Kernel(gpu, "scale", SCALE, { constants: { OFFSET: 0.5 } });
  const bound = kernel.bind({ x, y }, recorder.uniforms.buffer);
  for (let round = 1; round <= 20; round++) {
    bound.dispatch(recorder, { count: 3, factor: round }, [1]);
    const [bytes] = await readback.read(recorder, [{ buffer: y, bytes: 16 }]);
    const result = new Float32Array(bytes);
    assert.deepEqual([...result], [round + 0.5, 2 * round + 0.5, 3 * round + 0.5, 0]);
  }
  const three = kernel.bind({ x, y }, recorder.uniforms.buffer, { count: 3 });
  const always = kernel.bind({ x, y }, recorder.uniforms.buffer, { count: 4, factor: 0.5 });
  for (const factor of [2, -7]) {
    three.dispatch(recorder, { factor }, [1]);
    const [some] = await readback.read(recorder, [{ buffer: y, bytes: 12 }]);
    assert.deepEqual([...new Float32Array(some)], [1, 2, 3].map((x) => x * factor + 0.5));
    always.dispatch(recorder, {}, [1]);
    const [all] = await readback.read(recorder, [{ buffer: y, bytes: 16 }]);
    assert.deepEqual([...new Float32Array(all)], [1, 1.5, 2, 2.5]);
  }
  assert.throws(() => kernel.bind({ x }, recorder.uniforms.buffer), /needs a buffer named y/);
  assert.throws(() => bound.dispatch(recorder, { count: 1 }, [1]), /factor is missing/);
  assert.throws(() => three.dispatch(recorder, {}, [1]), /factor is missing/);
  assert.throws(
    () => kernel.bind({ x, y }, recorder.uniforms.buffer, { counts: 3 }),
    /scale has no parameter named counts/,
  );
  assert.equal(gpu.fault(), null);
  await readback.close();
  gpu.buffers.destroy();
  gpu.device.destroy();
});
