import type { ModelConfig } from "../../engine/core/model_config.ts";
import { WeftError } from "../../engine/core/errors.ts";
import {
  FLOAT,
  FLOAT16,
  INT64,
  type ModelOutline,
  type Operation,
} from "../../tools/router/onnx_writer.ts";

/** The domain of onnxruntime's own operators. */
const CONTRIB = "com.microsoft";

/** The graph without its constants, whose names and shapes are those of decoder_constants.ts. */
export type DecoderGraph = Omit<ModelOutline, "constants">;

/**
 * A Llama or Qwen2 decoder with a KV cache, in the layout of onnxruntime-genai's model builder, which
 * is the one that onnxruntime has its fastest kernels for: q, k and v as one product,
 * GroupQueryAttention with the rotation inside it, norms that add the residual.
 *
 * Inputs: `input_ids` i64 `[batch, sequence]`, `attention_mask` i64 `[batch, total]`, and for each
 * layer `past_key_values.N.key` and `.value` `[batch, kvHeads, past, headDim]`. Outputs: `logits`
 * `[batch, 1, vocab]` of the last token, and `present.N.key` and `.value` of `total` tokens.
 *
 * @throws {WeftError} `unsupported` for a sliding window or norms of heads.
 */
export function decoderGraph(config: ModelConfig, dtype: "f16" | "f32"): DecoderGraph {
  if (config.slidingWindow > 0 || config.qkNorm) {
    throw new WeftError(
      "unsupported",
      `Cannot write a ${config.architecture} model as ONNX: ` +
        "only decoders with full attention and without norms of heads are written",
    );
  }
  const type = dtype === "f16" ? FLOAT16 : FLOAT;
  const cache = (length: string) => ({
    type,
    shape: ["batch_size", config.numKvHeads, length, config.headDim],
  });
  const layers = Array.from({ length: config.numLayers }, (_, i) => i);
  const caches = (prefix: string, length: string) =>
    Object.fromEntries(
      layers.flatMap((i) =>
        ["key", "value"].map((kind) => [`${prefix}.${i}.${kind}`, cache(length)])
      ),
    );
  return {
    name: "decoder",
    nodes: [
      ...lengthNodes(),
      node("Gather", ["embedding", "input_ids"], "x0", { axis: 0 }),
      ...layers.flatMap((i) => layerNodes(config, i)),
      ...headNodes(config),
    ],
    inputs: {
      input_ids: { type: INT64, shape: ["batch_size", "sequence_length"] },
      attention_mask: { type: INT64, shape: ["batch_size", "total_sequence_length"] },
      ...caches("past_key_values", "past_sequence_length"),
    },
    outputs: {
      logits: { type, shape: ["batch_size", 1, config.vocabSize] },
      ...caches("present", "total_sequence_length"),
    },
    metadata: {},
    domains: { [CONTRIB]: 1 },
  };
}

/** Each row's last position and the longest row's length, as GroupQueryAttention wants them. */
function lengthNodes(): Operation[] {
  return [
    node("ReduceSum", ["attention_mask", "axis1"], "lengths", { keepdims: 0 }),
    node("Sub", ["lengths", "one"], "ends"),
    node("Cast", ["ends"], "seqlens_k", { to: 6 }),
    node("Shape", ["attention_mask"], "mask_shape"),
    node("Gather", ["mask_shape", "index1"], "total", { axis: 0 }),
    node("Cast", ["total"], "total_sequence_length", { to: 6 }),
  ];
}

function layerNodes(config: ModelConfig, i: number): Operation[] {
  const { qkvBias, outBias, mlpBias } = config;
  const at = (name: string) => `${name}${i}`;
  return [
    ...(i === 0
      ? [firstNorm(config)]
      : [residualNorm(config, { sum: `h${i - 1}`, added: `down${i - 1}`, i, name: "input_norm" })]),
    ...linear({ input: at("input_norm_out"), name: "qkv", i, bias: qkvBias }),
    attention(config, i),
    ...linear({ input: at("attention"), name: "o", i, bias: outBias }),
    residualNorm(config, { sum: at("x"), added: at("o"), i, name: "post_norm" }),
    ...linear({ input: at("post_norm_out"), name: "gate", i, bias: mlpBias }),
    ...linear({ input: at("post_norm_out"), name: "up", i, bias: mlpBias }),
    node("Sigmoid", [at("gate")], at("sigmoid")),
    node("Mul", [at("gate"), at("sigmoid")], at("silu")),
    node("Mul", [at("silu"), at("up")], at("gated")),
    ...linear({ input: at("gated"), name: "down", i, bias: mlpBias }),
  ];
}

function headNodes(config: ModelConfig): Operation[] {
  const last = config.numLayers - 1;
  return [
    residualNorm(config, {
      sum: `h${last}`,
      added: `down${last}`,
      i: config.numLayers,
      name: "input_norm",
    }),
    node("Gather", [`input_norm_out${config.numLayers}`, "last"], "last_token", { axis: 1 }),
    node("MatMul", ["last_token", "head"], "logits"),
  ];
}

function firstNorm(config: ModelConfig): Operation {
  return node("SimplifiedLayerNormalization", ["x0", "input_norm0"], "input_norm_out0", {
    axis: -1,
    epsilon: { float: config.rmsNormEps },
    stash_type: 1,
  });
}

/** Before attention the residual stream is `x`, before the MLP `h`. */
function residualNorm(
  config: ModelConfig,
  { sum, added, i, name }: {
    sum: string;
    added: string;
    i: number;
    name: "input_norm" | "post_norm";
  },
): Operation {
  const stream = name === "input_norm" ? `x${i}` : `h${i}`;
  return {
    op: "SkipSimplifiedLayerNormalization",
    domain: CONTRIB,
    inputs: [sum, added, `${name}${i}`],
    // The last norm's sum is of no use.
    outputs: [`${name}_out${i}`, ...(i === config.numLayers ? [] : ["", "", stream])],
    attributes: { epsilon: { float: config.rmsNormEps } },
  };
}

function attention(config: ModelConfig, i: number): Operation {
  return {
    op: "GroupQueryAttention",
    domain: CONTRIB,
    inputs: [
      `qkv${i}`,
      "",
      "",
      `past_key_values.${i}.key`,
      `past_key_values.${i}.value`,
      "seqlens_k",
      "total_sequence_length",
      "cosines",
      "sines",
    ],
    outputs: [`attention${i}`, `present.${i}.key`, `present.${i}.value`],
    attributes: {
      num_heads: config.numHeads,
      kv_num_heads: config.numKvHeads,
      scale: { float: 1 / Math.sqrt(config.headDim) },
      do_rotary: 1,
      rotary_interleaved: 0,
    },
  };
}

/** `input · weight`, and the bias where there is one; the result has the name of the projection. */
function linear(
  { input, name, i, bias }: { input: string; name: string; i: number; bias: boolean },
): Operation[] {
  const product = bias ? `${name}_product${i}` : `${name}${i}`;
  return [
    node("MatMul", [input, `${name}_weight${i}`], product),
    ...(bias ? [node("Add", [product, `${name}_bias${i}`], `${name}${i}`)] : []),
  ];
}

function node(
  op: string,
  inputs: string[],
  output: string,
  attributes: Operation["attributes"] = {},
): Operation {
  return { op, inputs, outputs: [output], attributes };
}
