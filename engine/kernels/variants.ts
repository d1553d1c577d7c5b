import { type Gpu, Kernel } from "../gpu/mod.ts";
import lanesPlain from "./prelude/lanes_plain.wgsl" with { type: "text" };
import lanesSubgroup from "./prelude/lanes_subgroup.wgsl" with { type: "text" };
import weightsF16 from "./prelude/weights_f16.wgsl" with { type: "text" };
import weightsF32 from "./prelude/weights_f32.wgsl" with { type: "text" };

/** How weights and the KV cache are stored; arithmetic is f32 in either. */
export type Dtype = "f16" | "f32";

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
  /** Stands in for a buffer that a variant declares but does not read. */
  readonly empty: GPUBuffer;
  readonly #preludes: readonly string[];
  readonly #kernels = new Map<string, Kernel>();

  /** `subgroups: false` forces the plain variants, for tests. */
  constructor(gpu: Gpu, dtype: Dtype, options: { subgroups?: boolean } = {}) {
    const subgroups = (options.subgroups ?? true) && gpu.subgroupSize > 0;
    this.gpu = gpu;
    this.dtype = dtype;
    this.lanes = subgroups ? gpu.subgroupSize : PLAIN_LANES;
    this.empty = gpu.buffers.storage("empty", 16);
    this.#preludes = [
      dtype === "f16" ? weightsF16 : weightsF32,
      subgroups ? lanesSubgroup : lanesPlain,
    ];
  }

  /** Bytes of one stored weight or cache element. */
  get weightBytes(): number {
    return this.dtype === "f16" ? 2 : 4;
  }

  /** The kernel compiled with these constants; `LANES` is supplied. */
  get(name: string, wgsl: string, constants: Record<string, number> = {}): Kernel {
    const key = `${name} ${JSON.stringify(constants)}`;
    let kernel = this.#kernels.get(key);
    if (!kernel) {
      kernel = new Kernel(this.gpu, name, wgsl, {
        constants: { ...constants, LANES: this.lanes },
        preludes: this.#preludes,
      });
      this.#kernels.set(key, kernel);
    }
    return kernel;
  }
}
