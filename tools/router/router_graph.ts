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

/** The pools of pools.ts, computed from the mask: few operations, as each costs a run a dispatch. */
function poolNodes(): Operation[] {
  const op = (op: string, inputs: string[], output: string, attributes = {}): Operation => ({
    op,
    inputs,
    outputs: [output],
    attributes,
  });
  return [
    op("Gather", ["embedding", "input_ids"], "tokens", { axis: 0 }),
    // A token's place from either side, counting from 1; 0 for padding.
    op("CumSum", ["attention_mask", "axis1"], "from_end", { reverse: 1 }),
    op("CumSum", ["attention_mask", "axis1"], "counted"),
    op("Mul", ["counted", "attention_mask"], "from_start"),
    op("Gather", ["places", "from_end"], "end_pools", { axis: 0 }),
    op("Gather", ["places", "from_start"], "start_pools", { axis: 0 }),
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
  const places = new Float32Array((maxTokens + 1) * pools);
  for (let place = 1; place <= maxTokens; place++) {
    for (let j = 0; j < pools; j++) {
      places[place * pools + j] = Math.max(0, 1 - Math.abs(Math.log2(place) - j));
    }
  }
  const constants: Record<string, Constant> = {
    embedding: { dims: [tokens, width], values: embedding },
    places: { dims: [maxTokens + 1, pools], values: places },
    one: { dims: [1], values: [1] },
    axis1: { dims: [1], values: [1n] },
    axis2: { dims: [1], values: [2n] },
  };
  return constants;
}

function layerNodes(): Operation[] {
  const hidden = [0, 1, 2].flatMap((i): Operation[] => [
    { op: "MatMul", inputs: [`x${i}`, `weights${i}`], outputs: [`m${i}`] },
    { op: "Add", inputs: [`m${i}`, `biases${i}`], outputs: [`h${i}`] },
    { op: "Relu", inputs: [`h${i}`], outputs: [`x${i + 1}`] },
  ]);
  return [
    ...hidden,
    { op: "ReduceL2", inputs: ["x3"], outputs: ["norm"], attributes: { axes: [1], keepdims: 1 } },
    { op: "Max", inputs: ["norm", "tiny"], outputs: ["divisor"] },
    { op: "Div", inputs: ["x3", "divisor"], outputs: ["features"] },
    { op: "MatMul", inputs: ["features", "weights3"], outputs: ["products"] },
    { op: "Add", inputs: ["products", "biases3"], outputs: ["logits"] },
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
