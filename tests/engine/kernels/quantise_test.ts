import assert from "node:assert/strict";
import { matrixBytes, quantisedLayout, rowsWithin } from "../../../engine/kernels/format.ts";
import { dequantiseRows, quantiseRows } from "../../../engine/kernels/quantise.ts";
import { randoms } from "./harness.ts";

const FORMATS = ["int8", "int4"] as const;
/** The most a value may move, as a share of its group's largest magnitude. */
const HALF_STEP = { int8: 0.5 / 127, int4: 1 / 8 };
/** Of normally distributed values: root mean squares of error over value, as measured. */
const RMS_ERROR = { int8: 0.00535, int4: 0.086 };
/** f16 scales are off by a 2048th at most. */
const SCALE_ERROR = 1 / 2048;

function roundTrip(format: "int8" | "int4", values: Float32Array, cols: number): Float32Array {
  const quantised = quantiseRows(format, values, cols);
  return dequantiseRows(format, quantised, { rows: values.length / cols, cols });
}

for (const format of FORMATS) {
  Deno.test(`${format} values come back within half a step, whatever the shape`, () => {
    for (const [rows, cols] of [[1, 8], [3, 40], [4, 32], [9, 104], [130, 264]]) {
      const values = randoms(rows * cols, rows, 0.3);
      const back = roundTrip(format, values, cols);
      for (let row = 0; row < rows; row++) {
        for (let from = row * cols; from < (row + 1) * cols; from += 32) {
          const to = Math.min(from + 32, (row + 1) * cols);
          const largest = Math.max(...values.subarray(from, to).map(Math.abs));
          for (let i = from; i < to; i++) {
            const error = Math.abs(back[i] - values[i]);
            assert.ok(
              error <= (HALF_STEP[format] + SCALE_ERROR) * largest,
              `${i}: off by ${error}`,
            );
          }
        }
      }
    }
  });

  Deno.test(`${format} moves normally distributed values by ${RMS_ERROR[format]} of their size`, () => {
    const uniform = randoms(2 * 64 * 1024, 1, 0.5).map((value) => value + 0.5);
    const values = Float32Array.from({ length: 64 * 1024 }, (_, i) => {
      const radius = Math.sqrt(-2 * Math.log(1 - uniform[2 * i] * 0.999999));
      return 0.02 * radius * Math.cos(2 * Math.PI * uniform[2 * i + 1]);
    });
    const back = roundTrip(format, values, 256);
    const squares = (of: Float32Array) => of.reduce((sum, value) => sum + value * value, 0);
    const error = Math.sqrt(squares(values.map((v, i) => v - back[i])) / squares(values));
    assert.ok(Math.abs(error / RMS_ERROR[format] - 1) < 0.05, `${error}`);
  });

  Deno.test(`${format} keeps a group's largest value, of either sign, and zeros`, () => {
    for (const largest of [0.5, -0.5, 7e-5, -60000]) {
      const values = new Float32Array(64);
      values[5] = largest;
      values[6] = largest / 4;
      const back = roundTrip(format, values, 64);
      assert.ok(Math.abs(back[5] - largest) <= 1e-3 * Math.abs(largest), `${back[5]}`);
      assert.ok(Math.abs(back[6] - largest / 4) <= 4e-3 * Math.abs(largest), `${back[6]}`);
      assert.ok(back.every((value, i) => i === 5 || i === 6 || value === 0));
    }
    assert.deepEqual(roundTrip(format, new Float32Array(3 * 40), 40), new Float32Array(3 * 40));
  });

  Deno.test(`${format} scales are never so small that a GPU may take them for zero`, () => {
    for (const largest of [3e-5, -1e-7, 1e-20]) {
      const values = new Float32Array(32);
      values[9] = largest;
      const { scales } = quantiseRows(format, values, 32);
      assert.deepEqual(Array.from(scales, Math.abs), [2 ** -14, 0, 0, 0]);
      const back = roundTrip(format, values, 32);
      assert.ok(Math.abs(back[9] - largest) <= HALF_STEP[format] * 2 ** -14, `${back[9]}`);
    }
  });

  Deno.test(`a value that ${format} has no scale for makes its scale infinite`, () => {
    const values = new Float32Array(32);
    values[3] = -70000;
    const { scales } = quantiseRows(format, values, 32);
    assert.deepEqual(Array.from(scales, Math.abs), [Infinity, 0, 0, 0]);
  });

  Deno.test(`${format} blocks of rows are the parts of the whole matrix`, () => {
    const [rows, cols] = [11, 72];
    const values = randoms(rows * cols, 5);
    const whole = quantiseRows(format, values, cols);
    const first = quantiseRows(format, values.subarray(0, 8 * cols), cols);
    const rest = quantiseRows(format, values.subarray(8 * cols), cols);
    assert.deepEqual([...whole.weights], [...first.weights, ...rest.weights]);
    assert.deepEqual([...whole.scales], [...first.scales, ...rest.scales]);
    const { blocks, blockBytes, scaleBytes } = quantisedLayout(format, { rows, cols });
    assert.equal(whole.weights.byteLength, blocks * blockBytes);
    assert.equal(whole.scales.byteLength, blocks * scaleBytes);
  });
}

Deno.test("a quantised matrix takes 8.5 and 4.5 bits a weight", () => {
  const shape = { rows: 4096, cols: 14336 };
  const bits = (format: "f16" | "int8" | "int4") => matrixBytes(format, shape) * 8 / (4096 * 14336);
  assert.deepEqual([bits("f16"), bits("int8"), bits("int4")], [16, 8.5, 4.5]);
});

Deno.test("as many blocks of rows are taken as fit", () => {
  for (const format of ["f32", "f16", ...FORMATS] as const) {
    for (const cols of [8, 40, 64, 264]) {
      for (const bytes of [5000, 5008, 100_000]) {
        const rows = rowsWithin(format, cols, bytes);
        assert.equal(rows % 4, 0);
        assert.ok(matrixBytes(format, { rows, cols }) <= bytes);
        // Room for the rounding to whole words may stay.
        assert.ok(matrixBytes(format, { rows: rows + 4, cols }) > bytes - 16);
      }
    }
  }
});
