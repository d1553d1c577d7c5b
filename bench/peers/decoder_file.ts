import { f32ToF16 } from "../../engine/core/dtype.ts";
import type { ModelConfig } from "../../engine/core/model_config.ts";
import { rotationTable } from "../../engine/kernels/rope_kv.ts";
import {
  type LinearSource,
  type ModelDirectory,
  planWeights,
  readBias,
  readLinear,
} from "../../engine/loader/mod.ts";
import { type Constant, onnxFile } from "../../tools/router/onnx_writer.ts";
import { decoderGraph } from "./decoder_graph.ts";

type PeerDtype = "f16" | "f32";

/**
 * The model as one ONNX file with all its weights: below 2 GB, as protobuf has it.
 *
 * @param positions Rotations are there for so many.
 * @throws {WeftError} `unsupported` as decoderGraph; `bad_model` as the loader.
 */
export async function decoderFile(
  model: ModelDirectory,
  { dtype, positions }: { dtype: PeerDtype; positions: number },
): Promise<Uint8Array<ArrayBuffer>> {
  const graph = decoderGraph(model.config, dtype);
  return onnxFile({ ...graph, constants: await decoderConstants(model, { dtype, positions }) });
}

async function decoderConstants(
  model: ModelDirectory,
  { dtype, positions }: { dtype: PeerDtype; positions: number },
): Promise<Record<string, Constant>> {
  const { config } = model;
  const plan = planWeights(config, model.tensors);
  const constants: Record<string, Constant> = {
    axis1: { dims: [1], values: [1n] },
    one: { dims: [1], values: [1n] },
    index1: { dims: [], values: [1n] },
    last: { dims: [1], values: [-1n] },
    ...rotations(config, { dtype, positions }),
  };
  async function addNorm(name: string, source: string): Promise<void> {
    const values = await model.read(source);
    constants[name] = floats([values.length], values, dtype);
  }

  async function addLinear(name: string, i: number, linear: LinearSource): Promise<void> {
    const { rows, cols } = linear;
    const values = transposed(await readMatrix(model, linear, dtype), rows, cols);
    constants[`${name}_weight${i}`] = { dims: [cols, rows], values };
    const bias = await readBias(model, linear);
    if (bias) constants[`${name}_bias${i}`] = floats([rows], bias, dtype);
  }

  const { rows, cols } = plan.embedding;
  const embedding = await readMatrix(model, plan.embedding, dtype);
  constants.embedding = { dims: [rows, cols], values: embedding };
  const head = plan.head ? await readMatrix(model, plan.head, dtype) : embedding;
  constants.head = { dims: [cols, rows], values: transposed(head, rows, cols) };
  for (const [i, layer] of plan.layers.entries()) {
    await addNorm(`input_norm${i}`, layer.inputNorm.name);
    await addNorm(`post_norm${i}`, layer.postNorm.name);
    await addLinear("qkv", i, layer.qkv);
    await addLinear("o", i, layer.attentionOut);
    const [gate, up] = halves(layer.gateUp);
    await addLinear("gate", i, gate);
    await addLinear("up", i, up);
    await addLinear("down", i, layer.down);
  }
  await addNorm(`input_norm${plan.layers.length}`, plan.finalNorm.name);
  return constants;
}

/** `[positions, headDim/2]` each. */
function rotations(
  config: ModelConfig,
  { dtype, positions }: { dtype: PeerDtype; positions: number },
): Record<string, Constant> {
  const half = config.headDim / 2;
  const table = rotationTable(config, positions);
  const part = (offset: number) =>
    Float32Array.from(
      { length: positions * half },
      (_, i) => table[Math.floor(i / half) * 2 * half + offset + i % half],
    );
  return {
    cosines: floats([positions, half], part(0), dtype),
    sines: floats([positions, half], part(half), dtype),
  };
}

function floats(dims: number[], values: Float32Array, dtype: PeerDtype): Constant {
  return { dims, values: dtype === "f16" ? f32ToF16(values) : values };
}

function halves({ cols, weight, bias }: LinearSource): LinearSource[] {
  return weight.map((part, i) => ({
    rows: part.rows,
    cols,
    weight: [part],
    bias: bias.slice(i, i + 1),
  }));
}

async function readMatrix(
  model: ModelDirectory,
  linear: LinearSource,
  dtype: PeerDtype,
): Promise<Float32Array | Uint16Array> {
  const elements = linear.rows * linear.cols;
  const values = dtype === "f16" ? new Uint16Array(elements) : new Float32Array(elements);
  for await (const { offsetElements, data } of readLinear(model, linear, { target: dtype })) {
    values.set(data, offsetElements);
  }
  return values;
}

/** `[rows, cols]` to `[cols, rows]`. */
function transposed<Values extends Float32Array | Uint16Array>(
  values: Values,
  rows: number,
  cols: number,
): Values {
  const turned = new (values.constructor as new (length: number) => Values)(values.length);
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) turned[col * rows + row] = values[row * cols + col];
  }
  return turned;
}
