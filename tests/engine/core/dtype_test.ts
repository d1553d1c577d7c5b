import assert from "node:assert/strict";
import {
  bf16ToF32,
  decodeF16,
  decodeF32,
  F16_MAX,
  f16ToF32,
  f32ToBf16,
  f32ToF16,
  findNonFinite,
} from "../../../engine/core/dtype.ts";

const ALL_PATTERNS = Uint16Array.from({ length: 65536 }, (_, i) => i);

/** The value of a 16-bit float, from IEEE 754's definition. */
function valueOf(bits: number, { exponentBits }: { exponentBits: number }): number {
  const mantissaBits = 15 - exponentBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  const sign = bits >>> 15 ? -1 : 1;
  const exponent = (bits >>> mantissaBits) & (2 ** exponentBits - 1);
  const fraction = (bits & (2 ** mantissaBits - 1)) / 2 ** mantissaBits;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias);
  return sign * (1 + fraction) * 2 ** (exponent - bias);
}

const HALF = {
  name: "f16",
  exponentBits: 5,
  infinity: 0x7c00,
  widen: f16ToF32,
  narrow: f32ToF16,
};
const BRAIN = {
  name: "bf16",
  exponentBits: 8,
  infinity: 0x7f80,
  widen: bf16ToF32,
  narrow: f32ToBf16,
};

for (const format of [HALF, BRAIN]) {
  Deno.test(`every ${format.name} pattern widens to the value IEEE 754 gives it`, () => {
    const values = format.widen(ALL_PATTERNS);
    for (const bits of ALL_PATTERNS) {
      const expected = valueOf(bits, format);
      assert.ok(Object.is(values[bits], expected), `${bits.toString(16)}: ${values[bits]}`);
    }
  });

  Deno.test(`every ${format.name} pattern survives the way to f32 and back`, () => {
    const back = format.narrow(format.widen(ALL_PATTERNS));
    for (const bits of ALL_PATTERNS) {
      if (Number.isNaN(valueOf(bits, format))) {
        assert.ok((back[bits] & 0x7fff) > format.infinity, `${bits.toString(16)} is a NaN`);
      } else {
        assert.equal(back[bits], bits);
      }
    }
  });

  Deno.test(`f32 between two ${format.name} values rounds to the nearer, ties to the even one`, () => {
    const bits = ALL_PATTERNS.subarray(0, format.infinity);
    const values = format.widen(bits);
    for (let i = 0; i + 1 < bits.length; i++) {
      const middle = Math.fround((values[i] + values[i + 1]) / 2);
      const [below, tie, above] = format.narrow(
        Float32Array.of(nextFloat(middle, -1), middle, nextFloat(middle, 1)),
      );
      assert.deepEqual([below, tie, above], [i, i % 2 === 0 ? i : i + 1, i + 1], `at ${values[i]}`);
    }
  });

  Deno.test(`f32 beyond the largest ${format.name} becomes infinity from half a step on`, () => {
    const [below, largest] = format.widen(Uint16Array.of(format.infinity - 2, format.infinity - 1));
    const border = largest + (largest - below) / 2;
    const narrowed = format.narrow(
      Float32Array.of(nextFloat(border, -1), border, -border, Infinity, -Infinity),
    );
    const { infinity } = format;
    assert.deepEqual([...narrowed], [
      infinity - 1,
      infinity,
      infinity | 0x8000,
      infinity,
      infinity | 0x8000,
    ]);
  });
}

Deno.test("the largest finite f16 is 65504", () => {
  assert.equal(f16ToF32(Uint16Array.of(0x7bff))[0], F16_MAX);
});

Deno.test("tensor bytes decode the same at aligned and unaligned offsets", () => {
  const values = Float32Array.of(1, -2.5, 3.140625, 0);
  const stored = {
    F32: new Uint8Array(values.buffer),
    F16: new Uint8Array(f32ToF16(values).buffer),
    BF16: new Uint8Array(f32ToBf16(values).buffer),
  };
  for (const dtype of ["F32", "F16", "BF16"] as const) {
    for (const shift of [0, 1, 2, 3]) {
      const bytes = new Uint8Array(stored[dtype].length + shift);
      bytes.set(stored[dtype], shift);
      const view = bytes.subarray(shift);
      assert.deepEqual(decodeF32(dtype, view), values, `${dtype} at ${shift}`);
      assert.deepEqual(decodeF16(dtype, view), f32ToF16(values), `${dtype} at ${shift}`);
    }
  }
});

Deno.test("decoding copies, so that changing the result leaves the file's bytes alone", () => {
  const bytes = new Uint8Array(Float32Array.of(1, 2).buffer);
  decodeF32("F32", bytes)[0] = 9;
  assert.deepEqual(decodeF32("F32", bytes), Float32Array.of(1, 2));
  const half = new Uint8Array(Uint16Array.of(1, 2).buffer);
  decodeF16("F16", half)[0] = 9;
  assert.deepEqual(decodeF16("F16", half), Uint16Array.of(1, 2));
});

Deno.test("bytes that are no whole number of elements are refused", () => {
  assert.throws(() => decodeF32("F32", new Uint8Array(6)), /6 bytes .* 4-byte/);
  assert.throws(() => decodeF16("BF16", new Uint8Array(3)), /3 bytes .* 2-byte/);
});

Deno.test("the first NaN or infinity is found", () => {
  assert.equal(findNonFinite(Float32Array.of(1, NaN, Infinity)), 1);
  assert.equal(findNonFinite(Float32Array.of(1, 3e38, -Infinity)), 2);
  assert.equal(findNonFinite(Uint16Array.of(0x7bff, 0xfbff, 0xfc00)), 2);
  assert.equal(findNonFinite(Uint16Array.of(0x7bff, 0x7e00)), 1);
  assert.equal(findNonFinite(Float32Array.of(1, 2)), -1);
  assert.equal(findNonFinite(Uint16Array.of(0x7bff, 0xfbff)), -1);
});

/** The f32 next to a positive one. */
function nextFloat(value: number, step: 1 | -1): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  return new Float32Array(Uint32Array.of(bits[0] + step).buffer)[0];
}
