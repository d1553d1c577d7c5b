import { BLOCK_ROWS, GROUP_COLUMNS, type QuantisedFormat, quantisedLayout } from "./format.ts";

/** Rows in a quantised format, as their parts of a matrix's buffer. */
export interface QuantisedRows {
  /** Four interleaved rows a block. */
  weights: Uint32Array<ArrayBuffer>;
  /** f16, four a group: one for each of a block's rows. */
  scales: Float16Array<ArrayBuffer>;
}

/** A weight is `(stored − least) / least · scale`, with stored from 0 to most. */
interface Grid {
  least: number;
  most: number;
  /** Integers of one row in a word, the first column's lowest. */
  perWord: number;
}

const GRIDS: Record<QuantisedFormat, Grid> = {
  int8: { least: 128, most: 255, perWord: 4 },
  int4: { least: 8, most: 15, perWord: 8 },
};

/**
 * Quantises f32 rows `[rows, cols]`. Rows and columns that a last block or group lacks become zeros.
 * The scale of a group whose magnitudes go beyond f16 (int8: 127/128 of that) is infinite.
 */
export function quantiseRows(
  format: QuantisedFormat,
  values: Float32Array,
  cols: number,
): QuantisedRows {
  const rows = values.length / cols;
  const { blocks, groups, blockBytes } = quantisedLayout(format, { rows, cols });
  const { least, most, perWord } = GRIDS[format];
  const bits = 32 / perWord;
  const weights = new Uint32Array(blocks * blockBytes / 4);
  const scales = new Float16Array(blocks * groups * BLOCK_ROWS);
  const wordsPerGroup = GROUP_COLUMNS / perWord;
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
      const scale = scales[place];
      if (scale === 0) continue;
      const steps = least / scale;
      let at = (firstGroup + group) * wordsPerGroup * BLOCK_ROWS + inBlock;
      for (let word = from; word < to; word += perWord, at += BLOCK_ROWS) {
        let packed = 0;
        for (let i = 0; i < perWord; i++) {
          const value = word + i < to ? values[word + i] : 0;
          // To the nearest integer, stored with `least` added; a scale's rounding may exceed the ends.
          const stored = (value * steps + least + 0.5) | 0;
          packed |= (stored > most ? most : stored < 0 ? 0 : stored) << (bits * i);
        }
        weights[at] = packed;
      }
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
    if (value < lowest) lowest = value;
    if (value > highest) highest = value;
  }
  if (format === "int4") return highest > -lowest ? -highest : Math.abs(lowest);
  return Math.max(highest, -lowest) * 128 / 127;
}

/** The f32 rows `[rows, cols]` that kernels see, for tests. */
export function dequantiseRows(
  format: QuantisedFormat,
  { weights, scales }: QuantisedRows,
  { rows, cols }: { rows: number; cols: number },
): Float32Array {
  const { least, perWord } = GRIDS[format];
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
