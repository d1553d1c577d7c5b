import type { WeightFormat } from "./format.ts";

/** Rows of a matrix in one buffer. */
export interface MatrixShard {
  buffer: GPUBuffer;
  firstRow: number;
  rows: number;
}

/** A weight matrix `[rows, cols]`, cut by rows into as many buffers as the device's binding limit demands. */
export interface Matrix {
  rows: number;
  cols: number;
  format: WeightFormat;
  shards: readonly MatrixShard[];
}
