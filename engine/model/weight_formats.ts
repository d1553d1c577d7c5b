import type { Quantize } from "../core/engine.ts";
import { WeftError } from "../core/errors.ts";
import { type Dtype, matrixBytes, tileColumns, type WeightFormat } from "../kernels/mod.ts";
import { type LinearSource, plannedTensors, type WeightPlan } from "../loader/mod.ts";

/** How a model's matrices are stored. */
export interface MatrixFormats {
  /** Embedding and head. */
  vocabulary: WeightFormat;
  layers: WeightFormat;
}

/**
 * int4 keeps embedding and head in int8: they are few of a model's weights, and their errors go
 * straight into the logits.
 */
export function matrixFormats(dtype: Dtype, quantize: Quantize): MatrixFormats {
  switch (quantize) {
    case "none":
      return { vocabulary: dtype, layers: dtype };
    case "int8":
    case "int4":
      return { vocabulary: "int8", layers: quantize };
  }
}

/**
 * Bytes that a model's weights take on the GPU: matrices in their formats, norms and biases in f32.
 *
 * @throws {WeftError} `bad_model` for a matrix whose columns its format cannot hold.
 */
export function weightBytesOf(plan: WeightPlan, formats: MatrixFormats): number {
  const { embedding, layers, head } = plan;
  const ofLayers = layers.flatMap(({ qkv, attentionOut, gateUp, down }) => [
    qkv,
    attentionOut,
    gateUp,
    down,
  ]);
  const vectors = plannedTensors(plan).filter(({ cols }) => cols === null);
  return sum(vectors.map(({ rows }) => 4 * rows)) +
    sum((head ? [embedding, head] : [embedding]).map((of) => bytesOf(of, formats.vocabulary))) +
    sum(ofLayers.map((of) => bytesOf(of, formats.layers)));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function bytesOf(source: LinearSource, format: WeightFormat): number {
  const columns = tileColumns(format);
  if (source.cols % columns === 0) return matrixBytes(format, source);
  throw new WeftError(
    "bad_model",
    `Cannot hold ${
      source.weight[0].name
    } as ${format}: its rows have ${source.cols} columns, no multiple of ${columns}`,
  );
}
