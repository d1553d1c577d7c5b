import { Embed } from "../../../engine/kernels/embed.ts";
import { SiluMul } from "../../../engine/kernels/silu_mul.ts";
import { assertClose, kernelTest, randoms } from "./harness.ts";
import { matrixOf, storedValues } from "./matrices.ts";

for (const format of [undefined, "int8", "int4"] as const) {
  kernelTest(
    `embed looks tokens up across shards, ${format ?? "as the variant stores"}`,
    async (bench) => {
      for (const cols of [8, 48, 264]) {
        const rows = 50;
        const table = randoms(rows * cols, 1);
        const tokens = [0, 49, 17, 16, 18, 30, 0];
        const x = bench.f32(tokens.length * cols);
        new Embed(bench.kernels, {
          tokens: bench.u32(tokens),
          table: matrixOf(bench, table, { cols, cut: [17, 31], format }),
          x,
        }, { uniforms: bench.uniforms }).record(bench.recorder, tokens.length);
        const cut = [
          table.subarray(0, 17 * cols),
          table.subarray(17 * cols, 31 * cols),
          table.subarray(31 * cols),
        ];
        const stored = cut.flatMap((part) => [...storedValues(bench, part, { cols, format })]);
        const expected = tokens.flatMap((t) => stored.slice(t * cols, (t + 1) * cols));
        assertClose(await bench.readF32(x, expected.length), expected, 0);
      }
    },
  );
}

kernelTest("silu_mul equals silu(gate) · up", async (bench) => {
  for (const [tokens, width] of [[1, 4], [3, 96], [9, 260]]) {
    const x = randoms(tokens * width * 2, width, 20);
    const y = bench.f32(tokens * width);
    new SiluMul(bench.kernels, { x: bench.f32(x), y }, { width, uniforms: bench.uniforms })
      .record(bench.recorder, tokens);
    const expected = Array.from({ length: tokens * width }, (_, i) => {
      const at = Math.floor(i / width) * 2 * width + i % width;
      return x[at] / (1 + Math.exp(-x[at])) * x[at + width];
    });
    assertClose(await bench.readF32(y, expected.length), expected, 1e-4);
  }
});
