import { WeftError } from "../core/errors.ts";
import type { Architecture, ModelConfig } from "../core/model_config.ts";
import { isJsonObject, JsonFields } from "./json_fields.ts";
import { parseRope } from "./rope_config.ts";

const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  LlamaForCausalLM: "llama",
  Qwen2ForCausalLM: "qwen2",
  Qwen3ForCausalLM: "qwen3",
  MistralForCausalLM: "mistral",
};

/** What transformers assumes where Qwen3's config.json is silent. */
const QWEN3_HEAD_DIM = 128;
const MISTRAL_WINDOW = 4096;
const QWEN_MAX_WINDOW_LAYERS = 28;

/** The kernels read rows in vectors of four, and rotate a head in two such halves. */
const ROW_MULTIPLE = 4;
const HEAD_MULTIPLE = 8;

/**
 * Reads a model's shape from the parsed `config.json` and, where there is one, `generation_config.json`.
 * Absent fields take the value that transformers gives them for the architecture.
 *
 * @throws {WeftError} `bad_model` for a wrong value, `unsupported` for what Weft does not run.
 */
export function parseModelConfig(configJson: unknown, generationConfigJson?: unknown): ModelConfig {
  const fields = fieldsOf(configJson, "config.json");
  const architecture = parseArchitecture(fields);
  refuseUnsupported(fields);

  const maxPositionEmbeddings = fields.size("max_position_embeddings");
  const vocabSize = fields.size("vocab_size");
  const rope = parseRope(fields, maxPositionEmbeddings);
  const hasAttentionBias = architecture === "llama" || architecture === "qwen3";
  const attentionBias = hasAttentionBias && fields.flag("attention_bias", false);
  return {
    architecture,
    vocabSize,
    ...parseSizes(fields, architecture),
    rmsNormEps: fields.number("rms_norm_eps", { min: 0, max: 1, fallback: 1e-6 }),
    ropeTheta: rope.theta,
    ropeScaling: rope.scaling,
    maxPositionEmbeddings,
    tieWordEmbeddings: fields.flag("tie_word_embeddings", false),
    qkvBias: architecture === "qwen2" || attentionBias,
    outBias: attentionBias,
    mlpBias: architecture === "llama" && fields.flag("mlp_bias", false),
    qkNorm: architecture === "qwen3",
    slidingWindow: parseSlidingWindow(fields, architecture),
    eosTokenIds: parseEosTokens(fields, { vocabSize, generationConfigJson }),
  };
}

function fieldsOf(value: unknown, file: string): JsonFields {
  if (isJsonObject(value)) return new JsonFields(value, { file });
  throw new WeftError("bad_model", `Cannot use this model: ${file} is not a JSON object`);
}

function parseArchitecture(fields: JsonFields): Architecture {
  const names = fields.get("architectures");
  const name: unknown = Array.isArray(names) && names.length === 1 ? names[0] : undefined;
  if (typeof name === "string" && Object.hasOwn(ARCHITECTURES, name)) return ARCHITECTURES[name];
  const supported = Object.keys(ARCHITECTURES).join(", ");
  throw fields.unsupported("architectures", `supported is one of ${supported}`);
}

function refuseUnsupported(fields: JsonFields): void {
  for (const name of ["quantization_config", "compression_config"]) {
    if (fields.get(name) !== undefined) {
      throw fields.unsupported(name, "only unquantised F32, F16 and BF16 weights are supported");
    }
  }
  if ((fields.get("hidden_act") ?? "silu") !== "silu") {
    throw fields.unsupported("hidden_act", 'only "silu" is supported');
  }
}

type Sizes = Pick<
  ModelConfig,
  "hiddenSize" | "intermediateSize" | "numLayers" | "numHeads" | "numKvHeads" | "headDim"
>;

function parseSizes(fields: JsonFields, architecture: Architecture): Sizes {
  const hiddenSize = fields.size("hidden_size");
  const intermediateSize = fields.size("intermediate_size");
  const numHeads = fields.size("num_attention_heads");
  // Only Llama 1 and 2 leave this out, and mean one for each query head.
  const mayOmit = architecture === "llama" || fields.has("num_key_value_heads");
  const numKvHeads = fields.size("num_key_value_heads", mayOmit ? numHeads : undefined);
  if (numHeads % numKvHeads !== 0) {
    throw fields.error(
      "num_key_value_heads",
      `a divisor of num_attention_heads ${numHeads} is needed`,
    );
  }
  const headDim = parseHeadDim(fields, { architecture, hiddenSize, numHeads });
  refuseRaggedRows(fields, { hiddenSize, intermediateSize, headDim });
  const numLayers = fields.size("num_hidden_layers");
  return { hiddenSize, intermediateSize, numLayers, numHeads, numKvHeads, headDim };
}

function parseHeadDim(
  fields: JsonFields,
  shape: { architecture: Architecture; hiddenSize: number; numHeads: number },
): number {
  const { architecture, hiddenSize, numHeads } = shape;
  if (fields.get("head_dim") !== undefined) return fields.size("head_dim");
  if (architecture === "qwen3" && !fields.has("head_dim")) return QWEN3_HEAD_DIM;
  if (hiddenSize % numHeads === 0) return hiddenSize / numHeads;
  throw fields.error("head_dim", `hidden_size ${hiddenSize} over ${numHeads} heads leaves a rest`);
}

function refuseRaggedRows(
  fields: JsonFields,
  sizes: { hiddenSize: number; intermediateSize: number; headDim: number },
): void {
  const rules: [name: string, size: number, multiple: number][] = [
    ["hidden_size", sizes.hiddenSize, ROW_MULTIPLE],
    ["intermediate_size", sizes.intermediateSize, ROW_MULTIPLE],
    ["head_dim", sizes.headDim, HEAD_MULTIPLE],
  ];
  for (const [name, size, multiple] of rules) {
    if (size % multiple !== 0) {
      throw fields.unsupported(name, `it comes to ${size}; multiples of ${multiple} are supported`);
    }
  }
}

/** Mistral slides in all layers or none. Qwen can slide in some, which Weft does not run. */
function parseSlidingWindow(fields: JsonFields, architecture: Architecture): number {
  if (architecture === "mistral") {
    if (fields.has("sliding_window") && fields.get("sliding_window") === undefined) return 0;
    return fields.size("sliding_window", MISTRAL_WINDOW);
  }
  if (architecture === "llama" || !fields.flag("use_sliding_window", false)) return 0;
  if (fields.get("sliding_window") === undefined) return 0;
  const layerTypes = fields.get("layer_types");
  const slides = Array.isArray(layerTypes)
    ? layerTypes.includes("sliding_attention")
    : fields.number("max_window_layers", { min: 0, fallback: QWEN_MAX_WINDOW_LAYERS }) <
      fields.size("num_hidden_layers");
  if (!slides) return 0;
  throw fields.unsupported(
    "use_sliding_window",
    "a window in some layers only is not supported; false is (full attention)",
  );
}

function parseEosTokens(
  fields: JsonFields,
  around: { vocabSize: number; generationConfigJson: unknown },
): number[] {
  const sources = [fields];
  if (around.generationConfigJson !== undefined) {
    sources.unshift(fieldsOf(around.generationConfigJson, "generation_config.json"));
  }
  const ids = sources.flatMap((source) => {
    const value = source.get("eos_token_id") ?? [];
    const list: unknown[] = Array.isArray(value) ? value : [value];
    for (const id of list) {
      if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= around.vocabSize) {
        throw source.error(
          "eos_token_id",
          `token ids from 0 to ${around.vocabSize - 1} are needed`,
        );
      }
    }
    return list as number[];
  });
  return [...new Set(ids)];
}
