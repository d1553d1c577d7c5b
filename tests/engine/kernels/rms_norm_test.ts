import { RmsNorm, rmsNormReference } from "../../../engine/kernels/rms_norm.ts";
import { assertClose, kernelTest, randoms } from "./harness.ts";

kernelTest("rms_norm equals the host loop for awkward widths and token counts", async (bench) => {
  for (const [tokens, width] of [[1, 4], [3, 36], [7, 64], [33, 260], [2, 2048]]) {
    const x = randoms(tokens * width, width, 3);
    const weight = randoms(width, 7);
    const y = bench.f32(tokens * width);
    new RmsNorm(bench.kernels, { x: bench.f32(x), weight: bench.f32(weight), y }, {
      width,
      eps: 1e-5,
      uniforms: bench.uniforms,
    }).record(bench.recorder, tokens);
    assertClose(await bench.readF32(y, x.length), rmsNormReference(x, weight, 1e-5), 2e-5);
  }
});

kernelTest("rms_norm picks rows by index into a range of its output", async (bench) => {
  const width = 12;
  const x = randoms(5 * width, 1);
  const weight = randoms(width, 7);
  const indices = [4, 0, 3];
  const y = bench.f32(3 * width);
  const norm = new RmsNorm(bench.kernels, {
    x: bench.f32(x),
    weight: bench.f32(weight),
    indices: bench.u32(indices),
    y,
  }, { width, eps: 1e-5, uniforms: bench.uniforms });
  norm.record(bench.recorder, 2, 1);
  const all = rmsNormReference(x, weight, 1e-5);
  const expected = new Float32Array(3 * width);
  for (const i of [1, 2]) {
    expected.set(all.subarray(indices[i] * width, (indices[i] + 1) * width), i * width);
  }
  assertClose(await bench.readF32(y, expected.length), expected, 2e-5);
});
