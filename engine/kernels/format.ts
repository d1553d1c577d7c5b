/** How the KV cache, adapters and weights that are not quantised are stored; arithmetic is f32. */
export type Dtype = "f16" | "f32";

/** Formats of 8 or 4 bits a weight, with a scale for each group of a row. */
export type QuantisedFormat = "int8" | "int4";

/**
 * How a matrix is stored. f16 and f32 are row-major. The quantised ones are described in
 * `prelude/weights_quantised.wgsl`; `quantise.ts` writes them.
 */
export type WeightFormat = Dtype | QuantisedFormat;

/** Columns of a row that share a scale. */
export const GROUP_COLUMNS = 32;
/** Rows that a lane works on at once; the quantised formats store them interleaved. */
export const BLOCK_ROWS = 4;

const BITS = { f32: 32, f16: 16, int8: 8, int4: 4 } as const;

/** Columns of the tile that a kernel works on at once; a matrix has a whole number of them. */
export function tileColumns(format: WeightFormat): number {
  return format === "int4" ? 8 : 4;
}

export function isQuantised(format: WeightFormat): format is QuantisedFormat {
  return format === "int8" || format === "int4";
}

/** Where the parts of a quantised matrix lie in its buffer. */
export interface QuantisedLayout {
  /** Blocks of 4 rows, the last one padded. */
  blocks: number;
  /** Groups of a row, the last one padded. */
  groups: number;
  /** Bytes of a block's weights. */
  blockBytes: number;
  /** Bytes of a block's scales. They follow the weights of all blocks. */
  scaleBytes: number;
}

export function quantisedLayout(
  format: QuantisedFormat,
  { rows, cols }: { rows: number; cols: number },
): QuantisedLayout {
  const groups = Math.ceil(cols / GROUP_COLUMNS);
  return {
    blocks: Math.ceil(rows / BLOCK_ROWS),
    groups,
    blockBytes: BLOCK_ROWS * groups * GROUP_COLUMNS * BITS[format] / 8,
    scaleBytes: BLOCK_ROWS * groups * 2,
  };
}

/** Bytes of a matrix, or of a shard's rows, in GPU memory. */
export function matrixBytes(
  format: WeightFormat,
  shape: { rows: number; cols: number },
): number {
  if (!isQuantised(format)) return shape.rows * shape.cols * BITS[format] / 8;
  const { blocks, blockBytes, scaleBytes } = quantisedLayout(format, shape);
  // Kernels read the buffer in words of 16 bytes.
  return blocks * blockBytes + Math.ceil(blocks * scaleBytes / 16) * 16;
}

/** The most whole blocks of rows of so many columns that `bytes` hold, in rows. */
export function rowsWithin(format: WeightFormat, cols: number, bytes: number): number {
  const block = { rows: BLOCK_ROWS, cols };
  if (!isQuantised(format)) return BLOCK_ROWS * Math.floor(bytes / matrixBytes(format, block));
  const { blockBytes, scaleBytes } = quantisedLayout(format, block);
  return BLOCK_ROWS * Math.floor((bytes - 15) / (blockBytes + scaleBytes));
}
