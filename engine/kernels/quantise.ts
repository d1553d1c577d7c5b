import { BLOCK_ROWS, GROUP_COLUMNS, type QuantisedFormat, quantisedLayout } from "./format.ts";

/** Rows in a quantised format, as their parts of a matrix's buffer. */
export interface QuantisedRows {
  /** Four interleaved rows a block. */
  weights: Uint32Array<ArrayBuffer>;
  /** f16, four a group: one for each of a block's rows. */
  scales: Float16Array<ArrayBuffer>;
}

/** The least normal f16: GPUs may take what is smaller for zero. */
const LEAST_SCALE = 2 ** -14;

/**
 * Quantises f32 rows `[rows, cols]` of whole tiles. Rows and columns that a last block or group lacks
 * become zeros. The scale of a group whose magnitudes go beyond f16 (int8: 127/128 of that) is
 * infinite.
 */
export function quantiseRows(
  format: QuantisedFormat,
  values: Float32Array,
  cols: number,
): QuantisedRows {
  const rows = values.length / cols;
  const { blocks, groups, blockBytes } = quantisedLayout(format, { rows, cols });
  const groupWords = blockBytes / 4 / groups / BLOCK_ROWS;
  const weights = new Uint32Array(blocks * blockBytes / 4);
  const scales = new Float16Array(blocks * groups * BLOCK_ROWS);
  // Zeros, also in padding.
  weights.fill(format === "int8" ? 0x80808080 : 0x88888888);
  for (let row = 0; row < rows; row++) {
    const inBlock = row % BLOCK_ROWS;
    const firstGroup = Math.floor(row / BLOCK_ROWS) * groups;
    for (let group = 0; group < groups; group++) {
      const from = row * cols + group * GROUP_COLUMNS;
      const to = Math.min(from + GROUP_COLUMNS, (row + 1) * cols);
      const place = (firstGroup + group) * BLOCK_ROWS + inBlock;
      scales[place] = scaleOf(format, values, from, to);
      // As it was rounded.
      const scale = scales[place];
      if (scale === 0) continue;
      const at = (firstGroup + group) * groupWords * BLOCK_ROWS + inBlock;
      if (format === "int8") packBytes(weights, at, { values, from, to, steps: 128 / scale });
      else packNibbles(weights, at, { values, from, to, steps: 8 / scale });
    }
  }
  return { weights, scales };
}

/**
 * int8: the largest magnitude becomes ±127. int4 has an integer more below zero than above, so the
 * largest magnitude becomes −8 whatever its sign: 16 steps rather than 15, an eighth less error.
 */
function scaleOf(format: QuantisedFormat, values: Float32Array, from: number, to: number): number {
  let lowest = 0;
  let highest = 0;
  for (let i = from; i < to; i++) {
    const value = values[i];
    lowest = value < lowest ? value : lowest;
    highest = value > highest ? value : highest;
  }
  const magnitude = Math.max(highest, -lowest);
  if (magnitude === 0) return 0;
  if (format === "int8") return Math.max(magnitude * 128 / 127, LEAST_SCALE);
  return Math.max(magnitude, LEAST_SCALE) * (highest > -lowest ? -1 : 1);
}

/** A run of one row's values, and how many integers make 1. */
interface Run {
  values: Float32Array;
  from: number;
  to: number;
  steps: number;
}

/** Four a word, the first column's byte lowest, 128 added; a row's words lie a block's rows apart. */
function packBytes(weights: Uint32Array, first: number, { values, from, to, steps }: Run): void {
  let at = first;
  for (let i = from; i < to; i += 4, at += BLOCK_ROWS) {
    // The half rounds to nearest. The scale's own rounding moves ±127 by less than another.
    const a = (values[i] * steps + 128.5) | 0;
    const b = (values[i + 1] * steps + 128.5) | 0;
    const c = (values[i + 2] * steps + 128.5) | 0;
    const d = (values[i + 3] * steps + 128.5) | 0;
    weights[at] = a | b << 8 | c << 16 | d << 24;
  }
}

/** Eight a word, the first column's nibble lowest, 8 added. */
function packNibbles(weights: Uint32Array, first: number, { values, from, to, steps }: Run): void {
  let at = first;
  for (let i = from; i < to; i += 8, at += BLOCK_ROWS) {
    const a = nibble(values[i] * steps) | nibble(values[i + 1] * steps) << 4;
    const b = nibble(values[i + 2] * steps) | nibble(values[i + 3] * steps) << 4;
    const c = nibble(values[i + 4] * steps) | nibble(values[i + 5] * steps) << 4;
    const d = nibble(values[i + 6] * steps) | nibble(values[i + 7] * steps) << 4;
    weights[at] = a | b << 8 | c << 16 | d << 24;
  }
}

/** From −8 on; there is no +8. */
function nibble(value: number): number {
  const stored = (value + 8.5) | 0;
  return stored > 15 ? 15 : stored;
}

const LEVELS = { int8: { least: 128, perWord: 4 }, int4: { least: 8, perWord: 8 } } as const;

/** The f32 rows `[rows, cols]` that kernels see, for tests. */
export function dequantiseRows(
  format: QuantisedFormat,
  { weights, scales }: QuantisedRows,
  { rows, cols }: { rows: number; cols: number },
): Float32Array {
  const { least, perWord } = LEVELS[format];
  const bits = 32 / perWord;
  const groups = Math.ceil(cols / GROUP_COLUMNS);
  const wordsPerRow = groups * GROUP_COLUMNS / perWord;
  return Float32Array.from({ length: rows * cols }, (_, i) => {
    const [row, col] = [Math.floor(i / cols), i % cols];
    const [block, inBlock] = [Math.floor(row / BLOCK_ROWS), row % BLOCK_ROWS];
    const word = block * wordsPerRow + Math.floor(col / perWord);
    const stored = (weights[word * BLOCK_ROWS + inBlock] >>> (bits * (col % perWord))) %
      (2 ** bits);
    const group = block * groups + Math.floor(col / GROUP_COLUMNS);
    return (stored - least) / least * scales[group * BLOCK_ROWS + inBlock];
  });
}
