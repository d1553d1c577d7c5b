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
