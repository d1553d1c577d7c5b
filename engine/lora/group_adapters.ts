import type { Bindable, Recorder } from "../gpu/mod.ts";
import {
  type KernelSet,
  LoraExpand,
  LoraShrink,
  type RankList,
  rankListLength,
} from "../kernels/mod.ts";
import type { PoolLayout, ProjectionGroup } from "./projection_groups.ts";
import type { RankRowBuffers } from "./rank_row_buffers.ts";

/** A layer's projections that share their input. */
export interface GroupPlace {
  layer: number;
  group: ProjectionGroup;
}

/** Tokens of a step, and the largest sum of ranks of any one's mixture. */
export interface AdapterExtent {
  tokens: number;
  rankTotal: number;
}

const MAX_MEMBERS = 3;

/** What adapters add to projection groups in a step: by themselves, or through the groups' products. */
export class GroupAdapters {
  readonly #kernels: KernelSet;
  readonly #layout: PoolLayout;
  readonly #buffers: RankRowBuffers;
  readonly #mix: GPUBuffer;
  readonly #h: GPUBuffer;
  readonly #ranks: GPUBuffer;
  readonly #uniforms: GPUBuffer;

  constructor(kernels: KernelSet, options: {
    layout: PoolLayout;
    buffers: RankRowBuffers;
    /** Every batch row's mixture. */
    mix: GPUBuffer;
    /** Of a step. */
    maxTokens: number;
    uniforms: GPUBuffer;
  }) {
    const { layout, maxTokens } = options;
    const { buffers } = kernels.gpu;
    this.#kernels = kernels;
    this.#layout = layout;
    this.#buffers = options.buffers;
    this.#mix = options.mix;
    this.#uniforms = options.uniforms;
    const room = (length: number) => 4 * maxTokens * MAX_MEMBERS * length;
    this.#h = buffers.storage("adapter ranks", room(layout.hStride));
    this.#ranks = buffers.storage("adapter rank lists", room(2 * rankListLength(layout)));
  }

  /** Adds to y, f32 `[tokens, rows]`, what the adapters make of x, f32 `[tokens, cols]`. */
  added(place: GroupPlace, io: { x: GPUBuffer; y: GPUBuffer; rows: GPUBuffer }): {
    record(recorder: Recorder, extent: AdapterExtent): void;
  } {
    const { x, y, rows } = io;
    const { group, a, b } = this.#group(place);
    const tables = { rows, mix: this.#mix, slots: this.#buffers.slots, h: this.#h };
    const uniforms = this.#uniforms;
    const shrink = new LoraShrink(this.#kernels, group, { ...tables, x, a }, { uniforms });
    const expand = new LoraExpand(this.#kernels, group, {
      ...tables,
      y,
      b,
    }, uniforms);
    return {
      record(recorder, { tokens, rankTotal }) {
        const step = { tokens, maxTotalRank: rankTotal };
        shrink.record(recorder, step);
        expand.record(recorder, step);
      },
    };
  }

  /** Makes lists of x, f32 `[tokens, cols]`, with which a FewTokenLinear adds the rest itself. */
  listed(place: GroupPlace, io: { x: Bindable; rows: GPUBuffer }): {
    list: RankList;
    record(recorder: Recorder, extent: AdapterExtent): void;
  } {
    const { x, rows } = io;
    const { group, a, b } = this.#group(place);
    const shrink = new LoraShrink(this.#kernels, group, {
      rows,
      mix: this.#mix,
      slots: this.#buffers.slots,
      x,
      a,
      h: this.#ranks,
    }, { uniforms: this.#uniforms, listed: true });
    return {
      list: { group, ranks: this.#ranks, length: rankListLength(group), b },
      record: (recorder, { tokens, rankTotal }) =>
        shrink.record(recorder, { tokens, maxTotalRank: rankTotal }),
    };
  }

  #group({ layer, group }: GroupPlace) {
    return { group: this.#layout.loraGroup(layer, group), ...this.#buffers.group(layer, group) };
  }
}
