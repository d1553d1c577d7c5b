import type { ByteSource } from "./byte_source.ts";
import { type Dtype, DTYPE_BYTES, isDtype } from "./dtype.ts";
import { type ErrorCode, messageOf, WeftError } from "./errors.ts";
import { parseStrictJson } from "./json_strict.ts";

/** Of a model's file; 25 MB describes some 200,000 tensors. */
export const MAX_HEADER_BYTES = 25_000_000;
const LENGTH_BYTES = 8;

/** Where one tensor lies. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: Dtype;
  /** Outermost dimension first; empty for a scalar. */
  readonly shape: readonly number[];
  /** Product of the shape. */
  readonly elements: number;
  /** From the start of the file, in bytes. */
  readonly offset: number;
  /** elements × the dtype's size. */
  readonly byteLength: number;
}

export interface SafetensorsHeader {
  /** By name, in the order of their data. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** The `__metadata__` entry. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** How a malformed file is reported. */
export interface SafetensorsOptions {
  code: Extract<ErrorCode, "bad_model" | "bad_adapter">;
  /** What the message calls the file, such as its path. */
  label: string;
  /** A longer header is refused before it is read; MAX_HEADER_BYTES unless given. */
  maxHeaderBytes?: number;
}

/**
 * Reads and checks the header of a safetensors file already in memory.
 *
 * @throws {WeftError} `options.code` when the file breaks the format.
 */
export function parseSafetensors(
  bytes: Uint8Array,
  options: SafetensorsOptions,
): SafetensorsHeader {
  return refusing(options, () => {
    const dataStart = findData(bytes.subarray(0, LENGTH_BYTES), {
      ...options,
      size: bytes.byteLength,
    });
    return parseHeader(bytes.subarray(LENGTH_BYTES, dataStart), {
      dataStart,
      size: bytes.byteLength,
    });
  });
}

/**
 * Reads and checks the header of a safetensors file; its tensors stay where they are.
 *
 * The format is https://github.com/huggingface/safetensors#format, read strictly: no key twice, and
 * tensors cover the data without gap or overlap.
 *
 * @throws {WeftError} `options.code` when the file breaks the format.
 */
export async function readSafetensors(
  source: ByteSource,
  options: SafetensorsOptions,
): Promise<SafetensorsHeader> {
  const prefix = await source.read(0, Math.min(LENGTH_BYTES, source.size));
  const dataStart = refusing(options, () => findData(prefix, { ...options, size: source.size }));
  const header = await source.read(LENGTH_BYTES, dataStart - LENGTH_BYTES);
  return refusing(options, () => parseHeader(header, { dataStart, size: source.size }));
}

/** What is wrong with the file, in words that follow "Cannot read <label>: ". */
class Malformed extends Error {}

function refusing<T>({ code, label }: SafetensorsOptions, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new WeftError(code, `Cannot read ${label} as safetensors: ${error.message}`);
  }
}

/** The data's offset in the file, from the 8 little-endian bytes that give the header's length. */
function findData(
  prefix: Uint8Array,
  { size, maxHeaderBytes = MAX_HEADER_BYTES }: { size: number; maxHeaderBytes?: number },
): number {
  if (prefix.byteLength < LENGTH_BYTES) {
    throw new Malformed(
      `${size} bytes are too few; the header's length alone takes ${LENGTH_BYTES}`,
    );
  }
  const view = new DataView(prefix.buffer, prefix.byteOffset, LENGTH_BYTES);
  const length = view.getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes)) {
    throw new Malformed(
      `its header claims ${length} bytes; at most ${maxHeaderBytes} are allowed`,
    );
  }
  const end = LENGTH_BYTES + Number(length);
  if (end > size) {
    throw new Malformed(`its header claims ${length} bytes, but the file has ${size}`);
  }
  return end;
}

interface Extent {
  /** Where tensor data begins, in bytes from the start of the file. */
  dataStart: number;
  /** Bytes of the whole file. */
  size: number;
}

function parseHeader(bytes: Uint8Array, { dataStart, size }: Extent): SafetensorsHeader {
  const header = parseObject(bytes);
  const metadata = parseMetadata(header["__metadata__"]);
  const tensors = Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, entry]) => parseTensor(name, { entry, dataStart }))
    // An empty tensor shares its offset with its successor: it comes first.
    .sort((a, b) => a.offset - b.offset || a.byteLength - b.byteLength);

  let end = dataStart;
  for (const tensor of tensors) {
    if (tensor.offset !== end) {
      const what = tensor.offset > end ? "leaves a gap before" : "overlaps";
      throw new Malformed(
        `${quote(tensor.name)} starts at data byte ${tensor.offset - dataStart}, which ${what} ` +
          `byte ${end - dataStart}, where the previous tensor ends`,
      );
    }
    end += tensor.byteLength;
  }
  if (end !== size) {
    throw new Malformed(`its tensors take ${end - dataStart} bytes of ${size - dataStart}`);
  }
  return { tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])), metadata };
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    // A byte order mark is kept, so that JSON refuses it.
    value = parseStrictJson(
      new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes),
    );
  } catch (error) {
    throw new Malformed(`its header is not valid JSON: ${messageOf(error)}`);
  }
  if (!isObject(value)) throw new Malformed("its header is not a JSON object");
  return value;
}

function parseMetadata(value: unknown): ReadonlyMap<string, string> {
  if (value === undefined) return new Map();
  if (!isObject(value)) throw new Malformed("__metadata__ is not an object");
  const entries = Object.entries(value).map(([key, text]): [string, string] => {
    if (typeof text !== "string") {
      throw new Malformed(
        `__metadata__ has ${quote(key)}: ${quote(text)}; only strings are allowed`,
      );
    }
    return [key, text];
  });
  return new Map(entries);
}

function parseTensor(
  name: string,
  { entry, dataStart }: { entry: unknown; dataStart: number },
): TensorInfo {
  const fail = (why: string) => new Malformed(`${quote(name)} ${why}`);
  if (!isObject(entry)) throw fail("is not described by an object");
  const { dtype, shape, data_offsets: offsets, ...rest } = entry;
  const [extra] = Object.keys(rest);
  if (extra !== undefined) throw fail(`has an unknown field ${quote(extra)}`);
  if (!isDtype(dtype)) {
    throw fail(`has dtype ${quote(dtype)}; known are ${Object.keys(DTYPE_BYTES).join(", ")}`);
  }
  if (!isSizes(shape)) throw fail(`has shape ${quote(shape)}; sizes are integers of 0 or more`);
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    throw fail(`has data_offsets ${quote(offsets)}; a begin and an end in bytes are needed`);
  }
  const elements = product(shape);
  const expected = elements * DTYPE_BYTES[dtype];
  const byteLength = offsets[1] - offsets[0];
  if (byteLength !== expected || !Number.isSafeInteger(expected)) {
    throw fail(
      `of shape ${quote(shape)} and dtype ${dtype} needs ${expected} bytes, not ${byteLength}`,
    );
  }
  return { name, dtype, shape, elements, offset: dataStart + offsets[0], byteLength };
}

/** Infinity beyond the safe integers, where the exact product no longer matters. */
function product(shape: readonly number[]): number {
  if (shape.includes(0)) return 0;
  let result = 1;
  for (const size of shape) {
    result *= size;
    if (!Number.isSafeInteger(result)) return Infinity;
  }
  return result;
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** JSON for a message, cut where it grows long. */
function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? "missing";
  return text.length > 120 ? `${text.slice(0, 119)}…` : text;
}
