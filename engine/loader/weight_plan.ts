import { isFloatDtype } from "../core/dtype.ts";
import { WeftError } from "../core/errors.ts";
import type { ModelConfig } from "../core/model_config.ts";
import type { TensorInfo } from "../core/safetensors.ts";

/** A stored tensor: `[rows, cols]`, or `[rows]` when `cols` is null. */
export interface TensorSource {
  /** Its name in the safetensors file. */
  name: string;
  rows: number;
  cols: number | null;
}

/** A matrix the engine holds as one: its parts' rows stacked in order, `[rows, cols]` row-major. */
export interface LinearSource {
  rows: number;
  cols: number;
  weight: readonly TensorSource[];
  /** One vector for each part of `weight`, in the same order; empty without biases. */
  bias: readonly TensorSource[];
}

export interface LayerSources {
  /** RMSNorm before attention, `[hidden]`. */
  inputNorm: TensorSource;
  /** Rows of q, then k, then v. */
  qkv: LinearSource;
  /** Per-head RMSNorm of q and k, `[headDim]`, for models that have it. */
  qNorm: TensorSource | null;
  kNorm: TensorSource | null;
  attentionOut: LinearSource;
  /** RMSNorm before the MLP, `[hidden]`. */
  postNorm: TensorSource;
  /** Rows of gate, then up. */
  gateUp: LinearSource;
  down: LinearSource;
}

/** Every tensor of a model and the matrix it belongs to. */
export interface WeightPlan {
  /** `[vocab, hidden]`. */
  embedding: LinearSource;
  layers: readonly LayerSources[];
  finalNorm: TensorSource;
  /** `[vocab, hidden]`; null when the embedding serves as the head too. */
  head: LinearSource | null;
}

/** The weights of a model of this shape, by their Hugging Face names. */
export function weightSources(config: ModelConfig): WeightPlan {
  const { vocabSize, hiddenSize } = config;
  const matrix = (name: string): LinearSource => ({
    rows: vocabSize,
    cols: hiddenSize,
    weight: [{ name, rows: vocabSize, cols: hiddenSize }],
    bias: [],
  });
  return {
    embedding: matrix("model.embed_tokens.weight"),
    layers: Array.from({ length: config.numLayers }, (_, layer) => layerSources(config, layer)),
    finalNorm: { name: "model.norm.weight", rows: hiddenSize, cols: null },
    head: config.tieWordEmbeddings ? null : matrix(HEAD),
  };
}

function layerSources(config: ModelConfig, layer: number): LayerSources {
  const { hiddenSize, intermediateSize, headDim } = config;
  const qSize = config.numHeads * headDim;
  const kvSize = config.numKvHeads * headDim;
  const prefix = `model.layers.${layer}.`;
  const norm = (name: string, rows: number): TensorSource => (
    { name: `${prefix}${name}.weight`, rows, cols: null }
  );
  const linear = (parts: [name: string, rows: number][], { cols, hasBias }: LinearOptions) => ({
    rows: parts.reduce((sum, [, rows]) => sum + rows, 0),
    cols,
    weight: parts.map(([name, rows]) => ({ name: `${prefix}${name}.weight`, rows, cols })),
    bias: hasBias
      ? parts.map(([name, rows]) => ({ name: `${prefix}${name}.bias`, rows, cols: null }))
      : [],
  });
  return {
    inputNorm: norm("input_layernorm", hiddenSize),
    qkv: linear([
      ["self_attn.q_proj", qSize],
      ["self_attn.k_proj", kvSize],
      ["self_attn.v_proj", kvSize],
    ], { cols: hiddenSize, hasBias: config.qkvBias }),
    qNorm: config.qkNorm ? norm("self_attn.q_norm", headDim) : null,
    kNorm: config.qkNorm ? norm("self_attn.k_norm", headDim) : null,
    attentionOut: linear([["self_attn.o_proj", hiddenSize]], {
      cols: qSize,
      hasBias: config.outBias,
    }),
    postNorm: norm("post_attention_layernorm", hiddenSize),
    gateUp: linear([["mlp.gate_proj", intermediateSize], ["mlp.up_proj", intermediateSize]], {
      cols: hiddenSize,
      hasBias: config.mlpBias,
    }),
    down: linear([["mlp.down_proj", hiddenSize]], {
      cols: intermediateSize,
      hasBias: config.mlpBias,
    }),
  };
}

interface LinearOptions {
  cols: number;
  hasBias: boolean;
}

/** Every tensor a plan names. */
export function plannedTensors(plan: WeightPlan): TensorSource[] {
  const ofLinear = ({ weight, bias }: LinearSource) => [...weight, ...bias];
  const ofLayer = (layer: LayerSources) => [
    layer.inputNorm,
    ...ofLinear(layer.qkv),
    ...[layer.qNorm, layer.kNorm].filter((norm) => norm !== null),
    ...ofLinear(layer.attentionOut),
    layer.postNorm,
    ...ofLinear(layer.gateUp),
    ...ofLinear(layer.down),
  ];
  return [
    ...ofLinear(plan.embedding),
    ...plan.layers.flatMap(ofLayer),
    plan.finalNorm,
    ...(plan.head ? ofLinear(plan.head) : []),
  ];
}

/** Rotary frequencies that old checkpoints carry along; they follow from the configuration. */
const DERIVED = /^model\.(layers\.\d+\.self_attn\.)?rotary_emb\.inv_freq$/;
/** Some checkpoints store a tied head again; like transformers, we take the embedding. */
const HEAD = "lm_head.weight";
/** So many problems are listed; a wrong configuration makes all tensors wrong. */
const MAX_LISTED = 4;

/**
 * The plan for this model, once its tensors are found to be exactly the ones it needs.
 *
 * @throws {WeftError} `bad_model` naming tensors that are missing, misshapen, of a dtype that is no
 * float, or unknown.
 */
export function planWeights(
  config: ModelConfig,
  tensors: ReadonlyMap<string, TensorInfo>,
): WeightPlan {
  const plan = weightSources(config);
  const needed = plannedTensors(plan);
  const problems = needed.flatMap((source) => {
    const problem = problemWith(source, tensors.get(source.name));
    return problem === null ? [] : [problem];
  });
  const names = new Set(needed.map(({ name }) => name));
  for (const name of tensors.keys()) {
    if (names.has(name) || DERIVED.test(name)) continue;
    if (name === HEAD && config.tieWordEmbeddings) continue;
    problems.push(`${name} is no part of a ${config.architecture} model of this configuration`);
  }
  if (problems.length === 0) return plan;
  const listed = problems.slice(0, MAX_LISTED).join("; ");
  const rest = problems.length > MAX_LISTED ? `; and ${problems.length - MAX_LISTED} more` : "";
  throw new WeftError("bad_model", `Cannot use this model's weights: ${listed}${rest}`);
}

function problemWith(source: TensorSource, tensor: TensorInfo | undefined): string | null {
  const { name, rows, cols } = source;
  const shape = cols === null ? [rows] : [rows, cols];
  if (!tensor) return `${name} is missing`;
  if (tensor.shape.length !== shape.length || shape.some((size, i) => size !== tensor.shape[i])) {
    return `${name} has shape [${tensor.shape}], and config.json asks for [${shape}]`;
  }
  if (!isFloatDtype(tensor.dtype)) {
    return `${name} is ${tensor.dtype}; supported are F32, F16 and BF16`;
  }
  return null;
}
