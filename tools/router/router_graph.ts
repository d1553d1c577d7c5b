import type { Layer } from "./mlp.ts";
import { type Constant, onnxFile, type Operation } from "./onnx_writer.ts";
import { poolsPerSide } from "./pools.ts";

const FLOAT = 1;
const INT32 = 6;

/** What a trained router is made of. */
export interface RouterWeights {
  /** f32 `[tokens, width]` */
  embedding: Float32Array;
  tokens: number;
  width: number;
  maxTokens: number;
  /** Three hidden layers, then the class layer. */
  layers: readonly Layer[];
}

/** The bytes of a router file (docs/ROUTING.md). `metadata`: keys without "weft.". */
export function routerFile(
  weights: RouterWeights,
  metadata: Record<string, string>,
): Uint8Array<ArrayBuffer> {
  const classes = weights.layers[3].biases.length;
  const hidden = weights.layers[2].biases.length;
  return onnxFile({
    nodes: [...poolNodes(), ...layerNodes()],
    constants: { ...poolConstants(weights), ...layerConstants(weights) },
    inputs: {
      input_ids: { type: INT32, shape: ["batch", "sequence"] },
      attention_mask: { type: INT32, shape: ["batch", "sequence"] },
    },
    outputs: {
      logits: { type: FLOAT, shape: ["batch", classes] },
      features: { type: FLOAT, shape: ["batch", hidden] },
    },
    metadata: Object.fromEntries(
      Object.entries(metadata).map(([key, text]) => [`weft.${key}`, text]),
    ),
  });
}

/** The pools of pools.ts, computed from the mask. */
function poolNodes(): Operation[] {
  const op = (op: string, inputs: string[], output: string, attributes = {}): Operation => ({
    op,
    inputs,
    outputs: [output],
    attributes,
  });
  return [
    op("Gather", ["embedding", "input_ids"], "tokens", { axis: 0 }),
    op("Cast", ["attention_mask"], "mask", { to: FLOAT }),
    op("Unsqueeze", ["mask", "axis2"], "seen"),
    op("ReduceSum", ["mask", "axis1"], "length", { keepdims: 1 }),
    op("Shape", ["input_ids"], "shape"),
    op("Slice", ["shape", "axis1", "axis2"], "sequence"),
    // How far a token is from the end, the last being 1.
    op("Slice", ["steps", "axis0", "sequence"], "before"),
    op("Sub", ["length", "before"], "from_end"),
    op("Max", ["from_end", "one"], "place"),
    op("Log", ["place"], "log_place"),
    op("Mul", ["log_place", "per_octave"], "octave"),
    op("Unsqueeze", ["octave", "axis2"], "octaves"),
    op("Sub", ["octaves", "centres"], "off"),
    op("Abs", ["off"], "distance"),
    op("Sub", ["one", "distance"], "near"),
    op("Relu", ["near"], "end_weights"),
    op("Mul", ["end_weights", "seen"], "end_pools"),
    op("Slice", ["starts", "axis0", "sequence"], "start_weights"),
    op("Mul", ["start_weights", "seen"], "start_pools"),
    op("Concat", ["end_pools", "start_pools"], "by_token", { axis: 2 }),
    op("Transpose", ["by_token"], "by_pool", { perm: [0, 2, 1] }),
    op("MatMul", ["by_pool", "tokens"], "sums"),
    op("ReduceSum", ["by_pool", "axis2"], "reach", { keepdims: 1 }),
    op("Max", ["reach", "one"], "whole"),
    op("Div", ["sums", "whole"], "means"),
    op("Flatten", ["means"], "x0", { axis: 1 }),
  ];
}

function poolConstants({ embedding, tokens, width, maxTokens }: RouterWeights) {
  const pools = poolsPerSide(maxTokens);
  const starts = new Float32Array(maxTokens * pools);
  for (let at = 0; at < maxTokens; at++) {
    for (let j = 0; j < pools; j++) {
      starts[at * pools + j] = Math.max(0, 1 - Math.abs(Math.log2(at + 1) - j));
    }
  }
  const range = (count: number) => Float32Array.from({ length: count }, (_, i) => i);
  const constants: Record<string, Constant> = {
    embedding: { dims: [tokens, width], values: embedding },
    steps: { dims: [maxTokens], values: range(maxTokens) },
    starts: { dims: [maxTokens, pools], values: starts },
    centres: { dims: [pools], values: range(pools) },
    one: { dims: [1], values: [1] },
    per_octave: { dims: [1], values: [1 / Math.LN2] },
    axis0: { dims: [1], values: [0n] },
    axis1: { dims: [1], values: [1n] },
    axis2: { dims: [1], values: [2n] },
  };
  return constants;
}

function layerNodes(): Operation[] {
  const hidden = [0, 1, 2].flatMap((i): Operation[] => [
    { op: "Gemm", inputs: [`x${i}`, `weights${i}`, `biases${i}`], outputs: [`h${i}`] },
    { op: "Relu", inputs: [`h${i}`], outputs: [`x${i + 1}`] },
  ]);
  return [
    ...hidden,
    { op: "Mul", inputs: ["x3", "x3"], outputs: ["squares"] },
    {
      op: "ReduceSum",
      inputs: ["squares", "axis1"],
      outputs: ["square"],
      attributes: { keepdims: 1 },
    },
    { op: "Sqrt", inputs: ["square"], outputs: ["norm"] },
    { op: "Max", inputs: ["norm", "tiny"], outputs: ["divisor"] },
    { op: "Div", inputs: ["x3", "divisor"], outputs: ["features"] },
    { op: "Gemm", inputs: ["features", "weights3", "biases3"], outputs: ["logits"] },
  ];
}

function layerConstants({ layers }: RouterWeights) {
  const constants: Record<string, Constant> = { tiny: { dims: [1], values: [1e-6] } };
  layers.forEach(({ weights, biases }, i) => {
    const outputs = biases.length;
    constants[`weights${i}`] = { dims: [weights.length / outputs, outputs], values: weights };
    constants[`biases${i}`] = { dims: [outputs], values: biases };
  });
  return constants;
}
