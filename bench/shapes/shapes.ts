/** A model's shape, as `config.json` tells it: enough to make one with random weights. */
export interface Shape {
  name: string;
  config: Record<string, unknown>;
}

const COMMON = {
  hidden_act: "silu",
  rms_norm_eps: 1e-6,
  max_position_embeddings: 32768,
  torch_dtype: "float16",
};

/** The shapes that targets are stated for; `layers` cuts a shape for a slow device. */
export function shapes({ layers }: { layers?: number } = {}): Shape[] {
  const all: Shape[] = [
    {
      name: "Qwen2-0.5B",
      config: {
        ...qwen2({ hidden: 896, intermediate: 4864, layers: 24, heads: 14, kvHeads: 2 }),
        vocab_size: 151936,
        tie_word_embeddings: true,
      },
    },
    {
      name: "Qwen2-1.5B",
      config: {
        ...qwen2({ hidden: 1536, intermediate: 8960, layers: 28, heads: 12, kvHeads: 2 }),
        vocab_size: 151936,
        tie_word_embeddings: true,
      },
    },
    {
      name: "Llama-3-8B",
      config: {
        ...COMMON,
        architectures: ["LlamaForCausalLM"],
        model_type: "llama",
        hidden_size: 4096,
        intermediate_size: 14336,
        num_hidden_layers: 32,
        num_attention_heads: 32,
        num_key_value_heads: 8,
        rope_theta: 500000,
        vocab_size: 128256,
        tie_word_embeddings: false,
      },
    },
  ];
  if (layers === undefined) return all;
  return all.map(({ name, config }) => ({
    name: `${name}, ${layers} layers`,
    config: { ...config, num_hidden_layers: layers },
  }));
}

/**
 * Small enough for a software driver to compute 16k tokens of. At that length its cache is to its weights as
 * that of Qwen2-1.5B: 0.16 of their bytes.
 */
export const SMALL_SHAPE: Shape = {
  name: "small",
  config: {
    ...qwen2({ hidden: 256, intermediate: 704, layers: 1, heads: 4, kvHeads: 1 }),
    vocab_size: 49152,
    tie_word_embeddings: true,
  },
};

function qwen2(
  size: { hidden: number; intermediate: number; layers: number; heads: number; kvHeads: number },
): Record<string, unknown> {
  return {
    ...COMMON,
    architectures: ["Qwen2ForCausalLM"],
    model_type: "qwen2",
    hidden_size: size.hidden,
    intermediate_size: size.intermediate,
    num_hidden_layers: size.layers,
    num_attention_heads: size.heads,
    num_key_value_heads: size.kvHeads,
    rope_theta: 1000000,
  };
}
