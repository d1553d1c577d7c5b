import type { ModelDirectory } from "./model_directory.ts";
import {
  type ChunkData,
  type ChunkOptions,
  DEFAULT_CHUNK_BYTES,
  type TensorChunk,
} from "./tensor_reader.ts";
import type { LinearSource } from "./weight_plan.ts";

/**
 * A matrix's values in order, its parts' rows stacked. `rows` counts through the parts, so a matrix too
 * large for one GPU binding can be read shard by shard; offsets are from the first row asked for.
 *
 * @throws {WeftError} `bad_model` as {@link ModelDirectory.chunks}.
 */
export async function* readLinear<Target extends "f16" | "f32">(
  model: ModelDirectory,
  linear: LinearSource,
  options: ChunkOptions<Target>,
): AsyncGenerator<TensorChunk<ChunkData<Target>>> {
  const { begin, end } = options.rows ?? { begin: 0, end: linear.rows };
  if (!(0 <= begin && begin <= end && end <= linear.rows)) {
    throw new RangeError(`rows ${begin} to ${end} of a matrix of ${linear.rows}`);
  }
  let partBegin = 0;
  for (const part of linear.weight) {
    const from = Math.max(begin, partBegin);
    const to = Math.min(end, partBegin + part.rows);
    if (from < to) {
      const rows = { begin: from - partBegin, end: to - partBegin };
      for await (const { offsetElements, data } of model.chunks(part.name, { ...options, rows })) {
        yield { offsetElements: (from - begin) * linear.cols + offsetElements, data };
      }
    }
    partBegin += part.rows;
  }
}

/** Whole rows of a matrix, f32 `[rows, cols]`. */
export interface RowBlock {
  /** From the first row asked for. */
  firstRow: number;
  /** Overwritten by the next block. */
  values: Float32Array<ArrayBuffer>;
}

/**
 * A matrix's rows as f32, as many at a time as `maxBytes` hold: a multiple of `multiple` and at least
 * so many, but for the last ones.
 *
 * @throws {WeftError} `bad_model` as {@link ModelDirectory.chunks}.
 */
export async function* readRowBlocks(
  model: ModelDirectory,
  linear: LinearSource,
  options: { multiple: number; rows: { begin: number; end: number }; maxBytes?: number },
): AsyncGenerator<RowBlock> {
  const { multiple, rows, maxBytes = DEFAULT_CHUNK_BYTES } = options;
  const most = Math.max(1, Math.floor(maxBytes / (4 * linear.cols * multiple))) * multiple;
  const block = new Float32Array(Math.min(most, rows.end - rows.begin) * linear.cols);
  let firstRow = 0;
  let filled = 0;
  for await (const { data } of readLinear(model, linear, { target: "f32", rows, maxBytes })) {
    for (let taken = 0; taken < data.length;) {
      const part = data.subarray(taken, taken + block.length - filled);
      block.set(part, filled);
      taken += part.length;
      filled += part.length;
      if (filled < block.length) continue;
      yield { firstRow, values: block };
      firstRow += block.length / linear.cols;
      filled = 0;
    }
  }
  if (filled > 0) yield { firstRow, values: block.subarray(0, filled) };
}

/** The stacked biases, `[rows]`, or null for a matrix without. */
export async function readBias(
  model: ModelDirectory,
  linear: LinearSource,
): Promise<Float32Array<ArrayBuffer> | null> {
  if (linear.bias.length === 0) return null;
  const values = new Float32Array(linear.rows);
  let offset = 0;
  for (const { name, rows } of linear.bias) {
    values.set(await model.read(name), offset);
    offset += rows;
  }
  return values;
}
