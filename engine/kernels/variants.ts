import { type Gpu, Kernel } from "../gpu/mod.ts";
import lanesPlain from "./prelude/lanes_plain.wgsl" with { type: "text" };
import lanesSubgroup from "./prelude/lanes_subgroup.wgsl" with { type: "text" };
import type { Dtype, WeightFormat } from "./format.ts";
import weightsF16 from "./prelude/weights_f16.wgsl" with { type: "text" };
import weightsF16Pairs from "./prelude/weights_f16_pairs.wgsl" with { type: "text" };
import weightsF32 from "./prelude/weights_f32.wgsl" with { type: "text" };
import weightsFloat from "./prelude/weights_float.wgsl" with { type: "text" };
import weightsInt4 from "./prelude/weights_int4.wgsl" with { type: "text" };
import weightsInt8 from "./prelude/weights_int8.wgsl" with { type: "text" };
import weightsQuantised from "./prelude/weights_quantised.wgsl" with { type: "text" };

/** f16 can be read in another way (`weights_f16_pairs.wgsl`) where rows have whole tiles of 8 columns. */
export type MatrixLayout = WeightFormat | "f16 pairs";

/** What a kernel that reads a matrix as `weight`, and has vectors as `x`, needs by the matrix's format. */
const FORMATS: Record<MatrixLayout, readonly string[]> = {
  "f16 pairs": [weightsF16Pairs],
  f16: [weightsFloat],
  f32: [weightsFloat],
  int8: [weightsInt8, weightsQuantised],
  int4: [weightsInt4, weightsQuantised],
};

/** Invocations that share a sum on devices without a fixed subgroup size. */
const PLAIN_LANES = 32;

/**
 * What a device gets compiled: the storage type and how lanes add up. Kernels are compiled once per
 * variant and kept here.
 */
export class KernelSet {
  readonly gpu: Gpu;
  readonly dtype: Dtype;
  /** Invocations that share one sum: a subgroup where there are such, else a part of a workgroup. */
  readonly lanes: number;
  /** Whether those are a subgroup. */
  readonly hasSubgroups: boolean;
  /** Stands in for a buffer that a variant declares but does not read. */
  readonly empty: GPUBuffer;
  readonly #preludes: readonly string[];
  readonly #kernels = new Map<string, Kernel>();

  /** `subgroups: false` forces the plain variants, for tests. */
  constructor(gpu: Gpu, dtype: Dtype, options: { subgroups?: boolean } = {}) {
    const subgroups = (options.subgroups ?? true) && gpu.subgroupSize > 0;
    this.gpu = gpu;
    this.dtype = dtype;
    this.hasSubgroups = subgroups;
    this.lanes = subgroups ? gpu.subgroupSize : PLAIN_LANES;
    this.empty = gpu.buffers.storage("empty", 16);
    this.#preludes = [
      dtype === "f16" ? weightsF16 : weightsF32,
      subgroups ? lanesSubgroup : lanesPlain,
    ];
  }

  /** Bytes of one element of the cache, of adapters, and of weights that are not quantised. */
  get weightBytes(): number {
    return this.dtype === "f16" ? 2 : 4;
  }

  /**
   * The kernel compiled with these constants; `LANES` is supplied. With a format, the WGSL can read
   * a matrix of it.
   */
  get(
    name: string,
    wgsl: string,
    constants: Record<string, number> = {},
    format?: MatrixLayout,
  ): Kernel {
    const key = `${name} ${format} ${JSON.stringify(constants)} ${wgsl}`;
    let kernel = this.#kernels.get(key);
    if (!kernel) {
      kernel = new Kernel(this.gpu, name, wgsl, {
        constants: { ...constants, LANES: this.lanes },
        preludes: format ? [...this.#preludes, ...FORMATS[format]] : this.#preludes,
      });
      this.#kernels.set(key, kernel);
    }
    return kernel;
  }
}
