import type { Bindable, BoundKernel, Recorder } from "../../gpu/mod.ts";
import type { KernelSet } from "../variants.ts";
import {
  type LoraGroup,
  type LoraStep,
  type MixtureBuffers,
  perMember,
  rankListLength,
} from "./lora_group.ts";
import wgsl from "./lora_shrink.wgsl" with { type: "text" };
import lanesWgsl from "./lora_shrink_lanes.wgsl" with { type: "text" };
import placesWgsl from "./shrink_places.wgsl" with { type: "text" };
import mixtureWgsl from "./mixture.wgsl" with { type: "text" };

/** Tokens a workgroup takes where those of a row mostly follow each other. */
const TILE = 4;

/** The first half of a fused LoRA update, `weight · scale · A x` for every adapter of every row. */
export class LoraShrink {
  readonly #bound: BoundKernel;
  readonly #members: number;
  readonly #tile: number;
  /** Ranks of a workgroup. */
  readonly #ranks: number;

  /**
   * `x` is f32 `[tokens, inSize]`, `a` the layer's pool of A rows `[rank rows, inSize]` in the weight
   * type. `h` is f32 `[tokens, members, hStride]` for LoraExpand, or with `listed` a RankList's `ranks`.
   * With `rankPerLane` each lane has a rank to itself, as is best on a CPU; only for lists, with
   * subgroups, and for an `inSize` of whole eights.
   */
  constructor(
    kernels: KernelSet,
    group: LoraGroup,
    buffers: MixtureBuffers & { x: Bindable; a: GPUBuffer; h: GPUBuffer },
    options: { uniforms: GPUBuffer; listed?: boolean; rankPerLane?: boolean },
  ) {
    const { listed = false, uniforms } = options;
    const canTakeLanes = listed && kernels.hasSubgroups && group.inSize % 8 === 0;
    const takesLanes = canTakeLanes && (options.rankPerLane ?? kernels.gpu.info.isFallback);
    const source = [mixtureWgsl, placesWgsl, takesLanes ? lanesWgsl : wgsl].join("\n");
    const { rows, mix, slots, x, a, h } = buffers;
    this.#tile = listed && !takesLanes ? 1 : TILE;
    this.#ranks = takesLanes ? kernels.lanes : 4;
    const constants: Record<string, number> = takesLanes
      ? {}
      : { TILE: this.#tile, LISTED: listed ? 1 : 0 };
    this.#bound = kernels.get("lora_shrink", source, constants)
      .bind({ rows, mix, slots, x, a, h }, uniforms, {
        modules: group.modules,
        first_module: group.module,
        in4: group.inSize / 4,
        h4: (listed ? 2 * rankListLength(group) : group.hStride) / 4,
        ...perMember("a_row", group, ({ aRow }) => aRow),
        ...perMember("b_start", group, ({ bStart }) => bStart / 2),
        ...perMember("out2", group, ({ outSize }) => outSize / 2),
      });
    this.#members = group.members.length;
  }

  record(recorder: Recorder, { tokens, maxTotalRank }: LoraStep): void {
    this.#bound.dispatch(recorder, { tokens }, [
      Math.ceil(maxTotalRank / this.#ranks),
      Math.ceil(tokens / this.#tile),
      this.#members,
    ]);
  }
}
