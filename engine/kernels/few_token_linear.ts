import type { RowShare } from "../core/tuning.ts";
import type { Bindable, BoundKernel, Kernel, Recorder } from "../gpu/mod.ts";
import fewToken from "./few_token.wgsl" with { type: "text" };
import { isQuantised, tileColumns } from "./format.ts";
import type { RankList } from "./lora/mod.ts";
import type { Matrix, MatrixShard } from "./matrix.ts";
import matvec from "./matvec.wgsl" with { type: "text" };
import matvecLanes from "./matvec_lanes.wgsl" with { type: "text" };
import lanesAdapters from "./matvec_lanes_adapters.wgsl" with { type: "text" };
import lanesBase from "./matvec_lanes_base.wgsl" with { type: "text" };
import type { ResidualStream } from "./residual_stream.ts";
import type { KernelSet } from "./variants.ts";

const ROWS_PER_LANE_GROUP = 4;
const MATVEC_SIZE = 64;
/** A product of fewer rows leaves a GPU idle unless more lanes share a row. */
const FEW_ROWS = 8192;
/** Rounds of loads that a lane should have left after a split. */
const MIN_ROUNDS = 4;
const MAX_COLUMNS = 8;
const NO_MEMBER = 0xffffffff;

export interface FewTokenBuffers {
  /** f32 `[tokens, cols]`, or a stream whose weighted rows are taken: RMS-normalised then. */
  x: Bindable | ResidualStream;
  weight: Matrix;
  /** f32 `[rows]`. */
  bias?: GPUBuffer;
  /** f32 `[tokens, rows]`, with `gated` `[tokens, rows / 2]`, or a stream that is added to. */
  y: GPUBuffer | ResidualStream;
  /** Where y is a stream: the weight of the norm that follows, f32 `[rows]`. */
  nextNorm?: GPUBuffer;
  /** Adapters of the projections, for steps that have some. */
  adapters?: RankList;
}

export interface FewTokenOptions {
  uniforms: GPUBuffer;
  /** For norms. */
  eps?: number;
  /** Adds to y. */
  accumulate?: boolean;
  /** The rows are gates, then ups: `y = silu(gate) · up`. The matrix must be whole (see `canGate`). */
  gated?: boolean;
  /** By device and shape alone, never by the batch. */
  share?: RowShare;
  /** One kernel for any number of tokens, as for the most. */
  oneKernel?: boolean;
}

/**
 * A projection of a few tokens together with what stands around it in a layer: the norm before it, the
 * adapters' `B h`, bias, activation, residual sum and the next norm's share, in one dispatch.
 */
export class FewTokenLinear {
  readonly #kernels: KernelSet;
  readonly #buffers: FewTokenBuffers;
  readonly #uniforms: GPUBuffer;
  readonly #constants: Record<string, number>;
  readonly #params: Record<string, number>;
  readonly #share: RowShare;
  readonly #oneKernel: boolean;
  /** By columns, negative with adapters. */
  readonly #bound = new Map<number, BoundKernel[]>();

  constructor(kernels: KernelSet, buffers: FewTokenBuffers, options: FewTokenOptions) {
    const { x, y, weight, bias, nextNorm, adapters } = buffers;
    const { gated = false } = options;
    this.#kernels = kernels;
    this.#buffers = buffers;
    this.#uniforms = options.uniforms;
    const { share = shareFor(weight, kernels) } = options;
    this.#oneKernel = options.oneKernel ?? false;
    this.#share = share === "lanes" && !kernels.hasSubgroups ? 1 : share;
    this.#constants = {
      ACCUMULATE: options.accumulate || "weighted" in y ? 1 : 0,
      HAS_BIAS: bias ? 1 : 0,
      NORMED: "weighted" in x ? 1 : 0,
      GATED: gated ? 1 : 0,
      NEXT: nextNorm ? 1 : 0,
    };
    const members = adapters?.group.members ?? [];
    this.#params = {
      width4: weight.cols / 4,
      stride: gated ? weight.rows / 2 : weight.rows,
      squares_at: "weighted" in x ? (x.squaresAt - x.weightedAt) / 4 : 0,
      eps: options.eps ?? 0,
      next_at: "weighted" in y ? y.weightedAt : 0,
      next_squares_at: "weighted" in y ? y.squaresAt : 0,
      list_length: adapters?.length ?? 0,
      members: members.length,
      member_1: members[1]?.outOffset ?? NO_MEMBER,
      member_2: members[2]?.outOffset ?? NO_MEMBER,
    };
  }

  /** `rankTotal` is the largest sum of ranks of a token's mixture; above 0 the lists must be filled. */
  record(recorder: Recorder, { tokens, rankTotal = 0 }: { tokens: number; rankTotal?: number }) {
    if (tokens === 0) return;
    const columns = this.#oneKernel || tokens > 4 ? MAX_COLUMNS : tokens > 2 ? 4 : tokens;
    const { lanes } = this.#kernels;
    const perGroup = ROWS_PER_LANE_GROUP * (this.#share === "lanes" ? lanes : MATVEC_SIZE / lanes);
    const bound = this.#bind(columns, rankTotal > 0);
    const params = { tokens, ranks: rankTotal };
    const { shards } = this.#buffers.weight;
    for (let i = 0; i < shards.length; i++) {
      // Workgroups that follow each other read the same rows, so that caches have them.
      const grid = [Math.ceil(tokens / columns), Math.ceil(shards[i].rows / perGroup)] as const;
      bound[i].dispatch(recorder, params, grid);
    }
  }

  /** One bound kernel per shard, made on first use. */
  #bind(columns: number, adapted: boolean): BoundKernel[] {
    const key = adapted ? -columns : columns;
    let bound = this.#bound.get(key);
    if (!bound) {
      const { x, y, weight, bias, nextNorm, adapters } = this.#buffers;
      const { empty } = this.#kernels;
      const common = { ...this.#constants, COLUMNS: columns, ADAPTED: adapted ? 1 : 0 };
      const kernel = this.#share === "lanes"
        ? this.#lanesKernel(common)
        : this.#splitKernel(common, this.#share);
      bound = weight.shards.map(({ buffer, rows, firstRow: first }) =>
        kernel.bind(
          {
            x: "weighted" in x ? x.weighted : x,
            y: "weighted" in y ? y.buffer : y,
            weight: buffer,
            bias: bias ?? empty,
            next_norm: nextNorm ?? empty,
            rank_list: adapters?.ranks ?? empty,
            b: adapters?.b ?? empty,
          },
          this.#uniforms,
          { ...this.#params, rows, first },
        )
      );
      this.#bound.set(key, bound);
    }
    return bound;
  }

  #splitKernel(common: Record<string, number>, split: number): Kernel {
    const size = MATVEC_SIZE * split;
    const constants = {
      ...common,
      SIZE: size,
      SPLIT: split,
      LANE_GROUPS: split > 1 ? size / this.#kernels.lanes : 1,
    };
    const source = [fewToken, matvec].join("\n");
    const { format } = this.#buffers.weight;
    return this.#kernels.get(`matvec ${common.COLUMNS}`, source, constants, format);
  }

  #lanesKernel(common: Record<string, number>): Kernel {
    const isAdapted = common.ADAPTED === 1;
    const constants = isAdapted ? { ...common, STRADDLES: this.#straddles() ? 1 : 0 } : common;
    const source = [fewToken, matvecLanes, isAdapted ? lanesAdapters : lanesBase].join("\n");
    const { format, cols } = this.#buffers.weight;
    const layout = format === "f16" && cols % 8 === 0 ? "f16 pairs" : format;
    return this.#kernels.get(`matvec ${common.COLUMNS}`, source, constants, layout);
  }

  /** Whether a subgroup's rows can belong to several projections. */
  #straddles(): boolean {
    const { adapters, weight } = this.#buffers;
    const rows = ROWS_PER_LANE_GROUP * this.#kernels.lanes;
    const starts = adapters?.group.members.map(({ outOffset }) => outOffset) ?? [];
    const isCut = ({ firstRow, rows: count }: MatrixShard) =>
      starts.some((at) => at > firstRow && at < firstRow + count && (at - firstRow) % rows !== 0);
    return !this.#constants.GATED && weight.shards.some(isCut);
  }
}

/**
 * Whether gates and ups can be multiplied where they are made. A matrix in parts has them apart, and a
 * quantised one in different blocks: a tile is four rows that follow each other.
 */
export function canGate({ shards, format }: Matrix): boolean {
  return shards.length === 1 && !isQuantised(format);
}

function shareFor(
  { rows, cols, format }: Matrix,
  { gpu, lanes, hasSubgroups }: KernelSet,
): RowShare {
  // On a CPU a lane of a load costs as much as a load.
  if (gpu.info.isFallback) return hasSubgroups ? "lanes" : 1;
  if (rows > FEW_ROWS) return 1;
  const tiles = cols / tileColumns(format);
  return ([4, 2] as const).find((split) => tiles >= split * lanes * MIN_ROUNDS) ?? 1;
}
