import { isQuantised, matrixBytes, type WeightFormat } from "../../../engine/kernels/format.ts";
import type { Matrix } from "../../../engine/kernels/matrix.ts";
import { dequantiseRows, quantiseRows } from "../../../engine/kernels/quantise.ts";
import type { Bench } from "./harness.ts";

interface MatrixOptions {
  cols: number;
  /** Rows at which a further shard begins. */
  cut?: readonly number[];
  /** The variant's dtype where left out. */
  format?: WeightFormat;
}

/** A matrix `[rows, cols]` on the GPU. */
export function matrixOf(bench: Bench, values: Float32Array, options: MatrixOptions): Matrix {
  const { cols, cut = [], format = bench.kernels.dtype } = options;
  const rows = values.length / cols;
  const bounds = [0, ...cut, rows];
  const shards = bounds.slice(1).map((end, i) => {
    const part = values.subarray(bounds[i] * cols, end * cols);
    const buffer = isQuantised(format)
      ? bench.gpu.buffers.from("weights", bufferOf(format, part, cols))
      : bench.weights(part);
    return { firstRow: bounds[i], rows: end - bounds[i], buffer };
  });
  return { rows, cols, format, shards };
}

/** What kernels see of values that such a matrix holds. */
export function storedValues(
  bench: Bench,
  values: Float32Array,
  { cols, format = bench.kernels.dtype }: MatrixOptions,
): Float32Array {
  if (!isQuantised(format)) return bench.rounded(values);
  const rows = values.length / cols;
  return dequantiseRows(format, quantiseRows(format, values, cols), { rows, cols });
}

function bufferOf(
  format: "int8" | "int4",
  values: Float32Array,
  cols: number,
): Uint8Array<ArrayBuffer> {
  const { weights, scales } = quantiseRows(format, values, cols);
  const bytes = new Uint8Array(matrixBytes(format, { rows: values.length / cols, cols }));
  bytes.set(new Uint8Array(weights.buffer));
  bytes.set(new Uint8Array(scales.buffer), weights.byteLength);
  return bytes;
}
