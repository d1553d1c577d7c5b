/** Rows of a matrix in one buffer. */
export interface MatrixShard {
  buffer: GPUBuffer;
  firstRow: number;
  rows: number;
}

/**
 * A weight matrix, row-major `[rows, cols]` in the kernel set's dtype, cut by rows into as many
 * buffers as the device's binding limit demands.
 */
export interface Matrix {
  rows: number;
  cols: number;
  shards: readonly MatrixShard[];
}
