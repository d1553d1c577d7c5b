import type { BoundKernel, ParamValues, Recorder } from "../../gpu/mod.ts";
import type { KernelSet } from "../variants.ts";
import {
  type LoraGroup,
  type LoraStep,
  type MixtureBuffers,
  perMember,
  tileOf,
} from "./lora_group.ts";
import wgsl from "./lora_shrink.wgsl" with { type: "text" };
import mixtureWgsl from "./mixture.wgsl" with { type: "text" };

/** The first half of a fused LoRA update, `weight · scale · A x` for every adapter of every row. */
export class LoraShrink {
  readonly #bound: Record<LoraStep["kind"], BoundKernel>;
  readonly #params: ParamValues;
  readonly #members: number;

  /**
   * `x` is f32 `[tokens, inSize]`, `a` the layer's pool of A rows `[rank rows, inSize]` in the weight
   * type, `h` f32 `[tokens, members, hStride]`.
   */
  constructor(
    kernels: KernelSet,
    group: LoraGroup,
    buffers: MixtureBuffers & { x: GPUBuffer; a: GPUBuffer; h: GPUBuffer },
    uniforms: GPUBuffer,
  ) {
    const source = [mixtureWgsl, wgsl].join("\n");
    const { rows, mix, slots, x, a, h } = buffers;
    const bind = (kind: LoraStep["kind"]) =>
      kernels.get("lora_shrink", source, { TILE: tileOf(kind) })
        .bind({ rows, mix, slots, x, a, h }, uniforms);
    this.#bound = { prefill: bind("prefill"), decode: bind("decode") };
    this.#members = group.members.length;
    this.#params = {
      modules: group.modules,
      first_module: group.module,
      in4: group.inSize / 4,
      h4: group.hStride / 4,
      ...perMember("a_row", group, ({ aRow }) => aRow),
    };
  }

  record(recorder: Recorder, { tokens, maxTotalRank, kind }: LoraStep): void {
    const tiles = Math.ceil(tokens / tileOf(kind));
    const params = { ...this.#params, tokens };
    this.#bound[kind].dispatch(recorder, params, [
      Math.ceil(maxTotalRank / 4),
      tiles,
      this.#members,
    ]);
  }
}
