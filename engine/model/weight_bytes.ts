import { WeftError } from "../core/errors.ts";
import { matrixBytes, tileColumns, type WeightFormat } from "../kernels/mod.ts";
import { type LinearSource, plannedTensors, type WeightPlan } from "../loader/mod.ts";

/**
 * Bytes that a model's weights take on the GPU: matrices in the format, norms and biases in f32.
 *
 * @throws {WeftError} `bad_model` for a matrix whose columns the format cannot hold.
 */
export function weightBytesOf(plan: WeightPlan, format: WeightFormat): number {
  const vectors = plannedTensors(plan).filter(({ cols }) => cols === null);
  return vectors.reduce((sum, { rows }) => sum + 4 * rows, 0) +
    matricesOf(plan).reduce((sum, source) => sum + bytesOf(source, format), 0);
}

function matricesOf({ embedding, layers, head }: WeightPlan): LinearSource[] {
  return [
    embedding,
    ...layers.flatMap(({ qkv, attentionOut, gateUp, down }) => [qkv, attentionOut, gateUp, down]),
    ...(head ? [head] : []),
  ];
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
