import type { BoundKernel, Recorder } from "../../gpu/mod.ts";
import type { KernelSet } from "../variants.ts";
import wgsl from "./lora_expand.wgsl" with { type: "text" };
import { type LoraGroup, type LoraStep, type MixtureBuffers, perMember } from "./lora_group.ts";
import mixtureWgsl from "./mixture.wgsl" with { type: "text" };

/** Outputs of a workgroup: 64 invocations of 4. */
const OUTPUTS = 256;
/** Tokens of a workgroup. */
const TILE = 4;

/**
 * The second half of a fused LoRA update for many tokens: adds `B h` of every adapter of every row to
 * y. A few tokens' half is part of FewTokenLinear.
 */
export class LoraExpand {
  readonly #bound: BoundKernel;
  readonly #groups: number;
  readonly #members: number;

  /**
   * `h` comes from LoraShrink; `b` is the layer's pool of B rows in the weight type, each rank's row
   * `[outSize]`; `y` is f32 `[tokens, outStride]`.
   */
  constructor(
    kernels: KernelSet,
    group: LoraGroup,
    buffers: MixtureBuffers & { h: GPUBuffer; b: GPUBuffer; y: GPUBuffer },
    uniforms: GPUBuffer,
  ) {
    const source = [mixtureWgsl, wgsl].join("\n");
    const { rows, mix, slots, h, b, y } = buffers;
    this.#bound = kernels.get("lora_expand", source, { TILE })
      .bind({ rows, mix, slots, h, b, y }, uniforms, {
        modules: group.modules,
        first_module: group.module,
        h_stride: group.hStride,
        y4: group.outStride / 4,
        ...perMember("b_start", group, ({ bStart }) => bStart / 4),
        ...perMember("out4", group, ({ outSize }) => outSize / 4),
        ...perMember("y_start", group, ({ outOffset }) => outOffset / 4),
      });
    this.#members = group.members.length;
    this.#groups = Math.ceil(Math.max(...group.members.map((m) => m.outSize)) / OUTPUTS);
  }

  record(recorder: Recorder, { tokens, maxTotalRank }: LoraStep): void {
    if (maxTotalRank === 0) return;
    const tiles = Math.ceil(tokens / TILE);
    this.#bound.dispatch(recorder, { tokens }, [this.#groups, tiles, this.#members]);
  }
}
