import type { ByteSource } from "../core/byte_source.ts";
import {
  decodeF16,
  decodeF32,
  DTYPE_BYTES,
  findNonFinite,
  type FloatDtype,
  isFloatDtype,
} from "../core/dtype.ts";
import { WeftError } from "../core/errors.ts";
import type { TensorInfo } from "../core/safetensors.ts";

/** Host memory for one chunk, before and after conversion. */
export const DEFAULT_CHUNK_BYTES = 8 * 1024 * 1024;
/** Chunks start at multiples of this many elements: GPU copies need offsets in whole words. */
const ALIGN_ELEMENTS = 4;

export interface ChunkOptions<Target extends "f16" | "f32"> {
  /** What to convert to. f16 comes as bits. */
  target: Target;
  /** Neither the bytes read for a chunk nor its data exceed this; 8 MiB if not given. */
  maxBytes?: number;
  /** Rows `begin` up to, not including, `end` of the outermost dimension; all if not given. */
  rows?: { begin: number; end: number };
  signal?: AbortSignal;
}

export interface TensorChunk<Data> {
  /** Where the data belongs, in elements from the start of the requested rows. */
  offsetElements: number;
  data: Data;
}

/** f32 values, or f16 bits. */
export type ChunkData<Target extends "f16" | "f32"> = Target extends "f16"
  ? Uint16Array<ArrayBuffer>
  : Float32Array<ArrayBuffer>;

/**
 * Reads a tensor piece by piece and converts it, so that host memory is bounded whatever its size.
 *
 * @throws {WeftError} `bad_model` when a value is NaN or infinite, does not fit f16, or cannot be read.
 */
export async function* readChunks<Target extends "f16" | "f32">(
  source: ByteSource,
  options: ChunkOptions<Target> & { tensor: TensorInfo },
): AsyncGenerator<TensorChunk<ChunkData<Target>>> {
  const { tensor, target, signal } = options;
  const { dtype } = tensor;
  if (!isFloatDtype(dtype)) {
    throw new WeftError("bad_model", `Cannot convert ${tensor.name} from ${dtype} to ${target}`);
  }
  const { begin, end } = elementRange(tensor, options.rows);
  const step = chunkElements(dtype, options);
  const read = (from: number) => {
    const bytes = readElements(source, { tensor, from, to: Math.min(end, from + step) });
    bytes.catch(() => {}); // It may fail while the caller holds the chunk before; it is awaited later.
    return bytes;
  };
  // The next read runs while this chunk is converted and the caller works on it.
  let next = begin < end ? read(begin) : undefined;
  try {
    for (let from = begin; from < end; from += step) {
      signal?.throwIfAborted();
      const bytes = await next!;
      next = from + step < end ? read(from + step) : undefined;
      yield { offsetElements: from - begin, data: convert(bytes, { tensor, dtype, target }) };
    }
  } finally {
    // A caller that stops early must not leave a read behind.
    await next?.catch(() => {});
  }
}

function elementRange(
  tensor: TensorInfo,
  rows: { begin: number; end: number } | undefined,
): { begin: number; end: number } {
  if (!rows) return { begin: 0, end: tensor.elements };
  const count = tensor.shape[0] ?? 1;
  const { begin, end } = rows;
  if (
    !(Number.isInteger(begin) && Number.isInteger(end) && 0 <= begin && begin <= end &&
      end <= count)
  ) {
    throw new RangeError(`rows ${begin} to ${end} of ${tensor.name}, which has ${count}`);
  }
  const rowElements = count === 0 ? 0 : tensor.elements / count;
  return { begin: begin * rowElements, end: end * rowElements };
}

function chunkElements(dtype: FloatDtype, options: ChunkOptions<"f16" | "f32">): number {
  const { target, maxBytes = DEFAULT_CHUNK_BYTES } = options;
  const widest = Math.max(DTYPE_BYTES[dtype], target === "f16" ? 2 : 4);
  const elements = Math.floor(maxBytes / widest / ALIGN_ELEMENTS) * ALIGN_ELEMENTS;
  if (elements > 0) return elements;
  throw new RangeError(`maxBytes ${maxBytes}; at least ${ALIGN_ELEMENTS * widest} are needed`);
}

async function readElements(
  source: ByteSource,
  { tensor, from, to }: { tensor: TensorInfo; from: number; to: number },
): Promise<Uint8Array> {
  const size = DTYPE_BYTES[tensor.dtype];
  try {
    return await source.read(tensor.offset + from * size, (to - from) * size);
  } catch (error) {
    throw new WeftError("bad_model", `Cannot read ${tensor.name}: ${error}`, { cause: error });
  }
}

interface Conversion<Target extends "f16" | "f32"> {
  tensor: TensorInfo;
  dtype: FloatDtype;
  target: Target;
}

function convert<Target extends "f16" | "f32">(
  bytes: Uint8Array,
  { tensor, dtype, target }: Conversion<Target>,
): ChunkData<Target> {
  const data = target === "f16" ? decodeF16(dtype, bytes) : decodeF32(dtype, bytes);
  const bad = findNonFinite(data);
  if (bad < 0) return data as ChunkData<Target>;
  const size = DTYPE_BYTES[dtype];
  const [value] = decodeF32(dtype, bytes.subarray(bad * size, (bad + 1) * size));
  const why = Number.isFinite(value)
    ? `holds ${value}, beyond f16's largest value 65504: use --dtype f32`
    : `holds ${value}: the file is damaged or the model's training failed`;
  throw new WeftError("bad_model", `Cannot load ${tensor.name}: it ${why}`);
}
