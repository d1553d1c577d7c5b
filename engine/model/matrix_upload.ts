import { WeftError } from "../core/errors.ts";
import {
  BLOCK_ROWS,
  type Dtype,
  isQuantised,
  matrixBytes,
  type MatrixShard,
  type QuantisedFormat,
  quantisedLayout,
  quantiseRows,
  type WeightFormat,
} from "../kernels/mod.ts";
import {
  type LinearSource,
  type ModelDirectory,
  readLinear,
  readRowBlocks,
} from "../loader/mod.ts";

/** Writes into a GPU buffer and resolves once more may be written. */
type Write = (
  buffer: GPUBuffer,
  offset: number,
  data: ArrayBufferView<ArrayBuffer>,
) => Promise<void>;

/** A part of a matrix to fill. */
interface ShardSource {
  model: ModelDirectory;
  source: LinearSource;
  shard: MatrixShard;
}

/**
 * Streams a shard's rows into its buffer in the format's layout.
 *
 * @throws {WeftError} `bad_model` when a value cannot be read or does not fit the format.
 */
export function writeShard(
  format: WeightFormat,
  shard: ShardSource,
  write: Write,
): Promise<void> {
  return isQuantised(format)
    ? writeQuantised(format, shard, write)
    : writeFloats(format, shard, write);
}

/** Streams rows as they are, converted to f16 or f32. */
async function writeFloats(
  format: Dtype,
  { model, source, shard }: ShardSource,
  write: Write,
): Promise<void> {
  const elementBytes = matrixBytes(format, { rows: 1, cols: 1 });
  const rows = { begin: shard.firstRow, end: shard.firstRow + shard.rows };
  for await (
    const { offsetElements, data } of readLinear(model, source, { target: format, rows })
  ) {
    await write(shard.buffer, offsetElements * elementBytes, data);
  }
}

/** Streams rows quantised. */
async function writeQuantised(
  format: QuantisedFormat,
  { model, source, shard }: ShardSource,
  write: Write,
): Promise<void> {
  const { cols } = source;
  const { blocks, blockBytes, scaleBytes } = quantisedLayout(format, { rows: shard.rows, cols });
  const rows = { begin: shard.firstRow, end: shard.firstRow + shard.rows };
  const options = { multiple: BLOCK_ROWS, rows };
  for await (const { firstRow, values } of readRowBlocks(model, source, options)) {
    const block = firstRow / BLOCK_ROWS;
    const { weights, scales } = quantiseRows(format, values, cols);
    if (!scales.every(Number.isFinite)) {
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      throw new WeftError(
        "bad_model",
        `Cannot load ${
          source.weight[0].name
        }: it holds ±${largest}, too large for ${format}'s f16 scales: use --quantize none and --dtype f32`,
      );
    }
    await write(shard.buffer, block * blockBytes, weights);
    await write(shard.buffer, blocks * blockBytes + block * scaleBytes, scales);
  }
}
