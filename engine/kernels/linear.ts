import type { BoundKernel, Recorder } from "../gpu/mod.ts";
import { tileColumns } from "./format.ts";
import matmul from "./matmul.wgsl" with { type: "text" };
import type { Matrix } from "./matrix.ts";
import matvec from "./matvec.wgsl" with { type: "text" };
import type { KernelSet } from "./variants.ts";

const ROWS_PER_LANE_GROUP = 4;
const MATVEC_SIZE = 64;
/** A few-token product of fewer rows leaves a GPU idle unless more lanes share a row. */
const FEW_ROWS = 8192;
const MAX_SPLIT = 4;
/** Rounds of loads that a lane should have left after a split. */
const MIN_ROUNDS = 4;
const MATMUL_ROWS = 16 * 4;
const MATMUL_TOKENS = 4 * 4;
const MAX_COLUMNS = 8;

/** Buffers of a projection: `x` f32 `[tokens, cols]`, `y` f32 `[tokens, rows]`. */
export interface LinearBuffers {
  x: GPUBuffer;
  weight: Matrix;
  /** f32 `[rows]`. */
  bias?: GPUBuffer;
  y: GPUBuffer;
}

/**
 * A projection `y = W x (+ bias)`, or `y += W x (+ bias)` with `accumulate`. `decode` steps use the
 * few-token kernel and `prefill` steps the many-token kernel, whatever their number of tokens: the
 * two add up in different orders, and a result must not depend on what else is in the batch.
 */
export class Linear {
  readonly #kernels: KernelSet;
  readonly #buffers: LinearBuffers;
  readonly #uniforms: GPUBuffer;
  readonly #constants: Record<string, number>;
  /** Lane groups that share a row in the few-token kernel: by shape alone, never by the batch. */
  readonly #split: number;
  readonly #bound = new Map<string, BoundKernel[]>();

  constructor(
    kernels: KernelSet,
    buffers: LinearBuffers,
    options: { uniforms: GPUBuffer; accumulate?: boolean; split?: number },
  ) {
    this.#kernels = kernels;
    this.#buffers = buffers;
    this.#uniforms = options.uniforms;
    this.#split = options.split ?? splitFor(buffers.weight, kernels);
    this.#constants = {
      ACCUMULATE: options.accumulate ? 1 : 0,
      HAS_BIAS: buffers.bias ? 1 : 0,
    };
  }

  record(recorder: Recorder, tokens: number, kind: "prefill" | "decode"): void {
    if (tokens === 0) return;
    if (kind === "prefill") this.#recordMany(recorder, tokens);
    else this.#recordFew(recorder, tokens);
  }

  #recordFew(recorder: Recorder, tokens: number): void {
    const columns = tokens > 4 ? MAX_COLUMNS : tokens > 2 ? 4 : tokens;
    const perGroup = ROWS_PER_LANE_GROUP * MATVEC_SIZE / this.#kernels.lanes;
    const split = this.#split;
    const size = MATVEC_SIZE * split;
    const constants = {
      COLUMNS: columns,
      SIZE: size,
      SPLIT: split,
      LANE_GROUPS: split > 1 ? size / this.#kernels.lanes : 1,
    };
    this.#bind(`matvec ${columns}`, matvec, constants).forEach((kernel, i) => {
      const grid = [Math.ceil(this.#shardRows(i) / perGroup), Math.ceil(tokens / columns)] as const;
      kernel.dispatch(recorder, this.#params(i, tokens), grid);
    });
  }

  #recordMany(recorder: Recorder, tokens: number): void {
    this.#bind("matmul", matmul, {}).forEach((kernel, i) => {
      const grid = [
        Math.ceil(this.#shardRows(i) / MATMUL_ROWS),
        Math.ceil(tokens / MATMUL_TOKENS),
      ] as const;
      kernel.dispatch(recorder, this.#params(i, tokens), grid);
    });
  }

  #shardRows(index: number): number {
    return this.#buffers.weight.shards[index].rows;
  }

  #params(index: number, tokens: number): Record<string, number> {
    const { cols, rows, shards } = this.#buffers.weight;
    const shard = shards[index];
    return { rows: shard.rows, width4: cols / 4, tokens, stride: rows, first: shard.firstRow };
  }

  /** One bound kernel per shard, made on first use. */
  #bind(name: string, wgsl: string, constants: Record<string, number>): BoundKernel[] {
    let bound = this.#bound.get(name);
    if (!bound) {
      const { x, y, bias, weight } = this.#buffers;
      const kernel = this.#kernels.get(
        name,
        wgsl,
        { ...constants, ...this.#constants },
        weight.format,
      );
      bound = weight.shards.map(({ buffer }) =>
        kernel.bind({ x, y, weight: buffer, bias: bias ?? this.#kernels.empty }, this.#uniforms)
      );
      this.#bound.set(name, bound);
    }
    return bound;
  }
}

/** One on a CPU, which has no lanes to spare. */
function splitFor({ rows, cols, format }: Matrix, { gpu, lanes }: KernelSet): number {
  if (gpu.info.isFallback || rows > FEW_ROWS) return 1;
  let split = 1;
  while (split < MAX_SPLIT && cols / tileColumns(format) >= 2 * split * lanes * MIN_ROUNDS) {
    split *= 2;
  }
  return split;
}

/** `y[t] = W x[t] + bias` on the host, for tests. */
export function linearReference(
  x: Float32Array,
  weight: Float32Array,
  options: { cols: number; bias?: Float32Array },
): Float32Array {
  const { cols, bias } = options;
  const rows = weight.length / cols;
  const tokens = x.length / cols;
  const y = new Float32Array(tokens * rows);
  for (let t = 0; t < tokens; t++) {
    for (let r = 0; r < rows; r++) {
      let sum = bias?.[r] ?? 0;
      for (let c = 0; c < cols; c++) sum += weight[r * cols + c] * x[t * cols + c];
      y[t * rows + r] = sum;
    }
  }
  return y;
}
