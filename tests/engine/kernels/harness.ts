import assert from "node:assert/strict";
import { type Gpu, openGpu, Readback, Recorder } from "../../../engine/gpu/mod.ts";
import type { Dtype } from "../../../engine/kernels/format.ts";
import { KernelSet } from "../../../engine/kernels/variants.ts";

/** What a kernel test gets: one compiled variant and the means to run and read. */
export interface Bench {
  gpu: Gpu;
  kernels: KernelSet;
  recorder: Recorder;
  uniforms: GPUBuffer;
  f32(values: Iterable<number> | number): GPUBuffer;
  u32(values: Iterable<number> | number): GPUBuffer;
  /** Values stored as the variant stores weights. */
  weights(values: ArrayLike<number>): GPUBuffer;
  /** What `weights` makes of values: rounded to f16 in the f16 variant. */
  rounded(values: ArrayLike<number>): Float32Array;
  readF32(buffer: GPUBuffer, count: number): Promise<Float32Array>;
  readU32(buffer: GPUBuffer, count: number): Promise<Uint32Array>;
}

const VARIANTS: { dtype: Dtype; subgroups: boolean }[] = [
  { dtype: "f32", subgroups: true },
  { dtype: "f16", subgroups: true },
  { dtype: "f32", subgroups: false },
];

/** Registers a test that runs `body` on every kernel variant of the device, or those of some dtypes. */
export function kernelTest(
  name: string,
  body: (bench: Bench) => Promise<void>,
  options: { dtypes?: readonly Dtype[] } = {},
): void {
  Deno.test(name, async (context) => {
    const gpu = await openGpu();
    const readback = await Readback.open(gpu, 4 << 20);
    const recorder = new Recorder(gpu);
    const bytesOf = async (buffer: GPUBuffer, count: number) =>
      (await readback.read(recorder, [{ buffer, bytes: Math.ceil(count / 4) * 16 }]))[0];
    for (const { dtype, subgroups } of VARIANTS) {
      if (dtype === "f16" && !gpu.hasF16) continue;
      if (options.dtypes && !options.dtypes.includes(dtype)) continue;
      const label = `${dtype} weights, ${subgroups ? "subgroup" : "plain"} sums`;
      await context.step(label, async () => {
        const kernels = new KernelSet(gpu, dtype, { subgroups });
        const rounded = (values: ArrayLike<number>) =>
          dtype === "f16" ? Float32Array.from(new Float16Array(values)) : Float32Array.from(values);
        await body({
          gpu,
          kernels,
          recorder,
          uniforms: recorder.uniforms.buffer,
          f32: (v) =>
            gpu.buffers.from(
              "f32",
              typeof v === "number" ? new Float32Array(v) : Float32Array.from(v),
            ),
          u32: (v) =>
            gpu.buffers.from(
              "u32",
              typeof v === "number" ? new Uint32Array(v) : Uint32Array.from(v),
            ),
          weights: (v) =>
            gpu.buffers.from(
              "weights",
              dtype === "f16" ? new Float16Array(v) : new Float32Array(v),
            ),
          rounded,
          readF32: async (buffer, count) =>
            new Float32Array(await bytesOf(buffer, count), 0, count),
          readU32: async (buffer, count) => new Uint32Array(await bytesOf(buffer, count), 0, count),
        });
        // The device reports its errors in a later turn of the event loop.
        await new Promise((resolve) => setTimeout(resolve));
        assert.equal(gpu.fault(), null);
      });
    }
    await readback.close();
    gpu.buffers.destroy();
    gpu.device.destroy();
  });
}

/** Deterministic values in [-scale, scale). */
export function randoms(count: number, seed: number, scale = 1): Float32Array {
  let state = (seed * 2654435761 + 1) >>> 0;
  return Float32Array.from({ length: count }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (((state >>> 0) / 2 ** 31) - 1) * scale;
  });
}

/** Fails naming the worst element when any differs by more than `tolerance`. */
export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
): void {
  assert.equal(actual.length, expected.length);
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i] - expected[i]);
    if (!(difference <= Math.abs(actual[worst] - expected[worst]))) worst = i;
  }
  if (expected.length === 0) return;
  const difference = Math.abs(actual[worst] - expected[worst]);
  assert.ok(
    difference <= tolerance,
    `element ${worst} is ${actual[worst]}, expected ${expected[worst]} (±${tolerance})`,
  );
}
