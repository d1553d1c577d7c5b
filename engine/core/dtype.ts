/** Bytes per element of every dtype a safetensors file may declare in whole bytes. */
export const DTYPE_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
} as const;
export type Dtype = keyof typeof DTYPE_BYTES;

/** The dtypes that Weft computes with. */
export const FLOAT_DTYPES = ["F32", "F16", "BF16"] as const;
export type FloatDtype = typeof FLOAT_DTYPES[number];

export function isDtype(value: unknown): value is Dtype {
  return typeof value === "string" && Object.hasOwn(DTYPE_BYTES, value);
}

export function isFloatDtype(dtype: Dtype): dtype is FloatDtype {
  return (FLOAT_DTYPES as readonly string[]).includes(dtype);
}

/** The largest finite f16. */
export const F16_MAX = 65504;

/** f16 bits → f32, exact. */
export function f16ToF32(bits: Uint16Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  return new Float32Array(new Float16Array(bits.buffer, bits.byteOffset, bits.length));
}

/** bf16 bits → f32, exact: bf16 is the upper half of an f32. */
export function bf16ToF32(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const out = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = bits[i] << 16;
  return new Float32Array(out.buffer);
}

/** f32 → f16 bits, to nearest, ties to even. Beyond the range becomes ±infinity. */
export function f32ToF16(values: Float32Array): Uint16Array<ArrayBuffer> {
  return new Uint16Array(new Float16Array(values).buffer);
}

/** f32 → bf16 bits, to nearest, ties to even. Beyond the range becomes ±infinity; NaN stays NaN. */
export function f32ToBf16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < out.length; i++) {
    const b = bits[i];
    const isNaN = (b & 0x7fffffff) > 0x7f800000;
    // Rounding a NaN could carry into infinity: keep it, quietly.
    out[i] = isNaN ? (b >>> 16) | 0x40 : (b + 0x7fff + ((b >>> 16) & 1)) >>> 16;
  }
  return out;
}

// Most models are stored as bf16: one look-up is three times as fast as two conversions.
const F16_OF_BF16 = f32ToF16(bf16ToF32(Uint16Array.from({ length: 65536 }, (_, bits) => bits)));

/** bf16 bits → f16 bits, to nearest, ties to even. Beyond the range becomes ±infinity. */
export function bf16ToF16(bits: Uint16Array): Uint16Array<ArrayBuffer> {
  const out = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = F16_OF_BF16[bits[i]];
  return out;
}

/** Little-endian tensor bytes → f32. Unaligned bytes are copied first. */
export function decodeF32(dtype: FloatDtype, bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = aligned(bytes, DTYPE_BYTES[dtype]);
  switch (dtype) {
    case "F32":
      return new Float32Array(buffer, byteOffset, byteLength / 4).slice();
    case "F16":
      return f16ToF32(new Uint16Array(buffer, byteOffset, byteLength / 2));
    case "BF16":
      return bf16ToF32(new Uint16Array(buffer, byteOffset, byteLength / 2));
  }
}

/** Little-endian tensor bytes → f16 bits, rounded to nearest even; beyond the range becomes ±infinity. */
export function decodeF16(dtype: FloatDtype, bytes: Uint8Array): Uint16Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = aligned(bytes, DTYPE_BYTES[dtype]);
  switch (dtype) {
    case "F32":
      return f32ToF16(new Float32Array(buffer, byteOffset, byteLength / 4));
    case "F16":
      return new Uint16Array(buffer, byteOffset, byteLength / 2).slice();
    case "BF16":
      return bf16ToF16(new Uint16Array(buffer, byteOffset, byteLength / 2));
  }
}

/** Index of the first NaN or infinity among f32 values or f16 bits, or −1. */
export function findNonFinite(values: Float32Array | Uint16Array): number {
  if (values instanceof Uint16Array) {
    for (let i = 0; i < values.length; i++) if ((values[i] & 0x7c00) === 0x7c00) return i;
  } else {
    for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return i;
  }
  return -1;
}

/** Typed arrays need aligned offsets, and a safetensors header may have any length. */
function aligned(bytes: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  if (bytes.byteLength % size !== 0) {
    throw new RangeError(`${bytes.byteLength} bytes are no whole number of ${size}-byte elements`);
  }
  const shared = !(bytes.buffer instanceof ArrayBuffer);
  if (shared || bytes.byteOffset % size !== 0) return new Uint8Array(bytes);
  return bytes as Uint8Array<ArrayBuffer>;
}
