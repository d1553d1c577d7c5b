import { type Projection, projectionShape } from "../../engine/core/adapter_weights.ts";
import type { ModelConfig } from "../../engine/core/model_config.ts";

/** What a step computes. */
export interface StepFacts {
  config: ModelConfig;
  /** Bytes of a stored weight or cache element. */
  elementBytes: number;
  tokens: number;
  /** Keys that a token attends to, on average. */
  contextLength: number;
  /** Rows of logits. */
  rows: number;
  /** Ranks of each token's mixture, added up. */
  rankTotal: number;
}

/** Bytes that must be read or written at least, and operations; a multiply-add is two. */
export interface KernelCost {
  bytes: number;
  flops: number;
}

const PROJECTIONS_OF: Record<string, readonly Projection[]> = {
  qkv: ["q", "k", "v"],
  o: ["o"],
  gate_up: ["gate", "up"],
  down: ["down"],
};
const ROLES: readonly (readonly [RegExp, string])[] = [
  [/q_proj|layer \d+ qkv adapters/, "qkv"],
  [/o_proj|layer \d+ o adapters/, "o"],
  [/gate_proj|layer \d+ gate_up adapters/, "gate_up"],
  [/down_proj|layer \d+ down adapters/, "down"],
  [/lm_head|embed_tokens/, "head"],
];

/** Which part of the model a dispatch works for, by its buffers' labels: `qkv`, `head`; "" where none tells. */
export function roleOf(buffers: readonly string[]): string {
  return ROLES.find(([pattern]) => buffers.some((label) => pattern.test(label)))?.[1] ?? "";
}

/** What one dispatch must do, from shapes; null for a kernel that isn't known here. */
export function kernelCost(label: string, role: string, facts: StepFacts): KernelCost | null {
  const { config, elementBytes, tokens, contextLength, rows, rankTotal } = facts;
  const { hiddenSize, intermediateSize, numHeads, numKvHeads, headDim, vocabSize } = config;
  const qkvWidth = (numHeads + 2 * numKvHeads) * headDim;
  const f32 = (elements: number) => ({ bytes: 4 * elements, flops: elements });
  switch (label.split(" ")[0]) {
    case "matvec":
    case "matmul":
      return product(role, facts);
    case "attention":
      return {
        bytes: elementBytes * tokens * contextLength * 2 * numKvHeads * headDim +
          8 * tokens * numHeads * headDim,
        flops: 4 * tokens * contextLength * numHeads * headDim,
      };
    case "prompt_attention":
      // The keys and values of one prompt, half of which its tokens see on average.
      return {
        bytes: elementBytes * 4 * contextLength * numKvHeads * headDim +
          8 * tokens * numHeads * headDim,
        flops: 4 * tokens * contextLength * numHeads * headDim,
      };
    case "norm_parts":
      return f32(tokens * hiddenSize);
    case "rms_norm":
      return f32(2 * tokens * hiddenSize);
    case "rope_kv":
      return f32(2 * tokens * qkvWidth);
    case "silu_mul":
      return f32(3 * tokens * intermediateSize);
    case "embed":
      return { bytes: tokens * hiddenSize * (elementBytes + 4), flops: 0 };
    case "sample":
      return f32(rows * vocabSize);
    case "lora_shrink":
    case "lora_expand":
      return lora(label, { role, rankTotal, facts });
    default:
      return null;
  }
}

function product(
  role: string,
  { config, elementBytes, tokens, rows }: StepFacts,
): KernelCost | null {
  if (role === "head") {
    const weights = config.vocabSize * config.hiddenSize;
    const bytes = elementBytes * weights + 4 * rows * (config.vocabSize + config.hiddenSize);
    return { bytes, flops: 2 * weights * rows };
  }
  const shapes = PROJECTIONS_OF[role]?.map((name) => projectionShape(config, name));
  if (!shapes) return null;
  const weights = shapes.reduce((sum, { inSize, outSize }) => sum + inSize * outSize, 0);
  const outputs = shapes.reduce((sum, { outSize }) => sum + outSize, 0);
  return {
    bytes: elementBytes * weights + 4 * tokens * (shapes[0].inSize + outputs),
    flops: 2 * weights * tokens,
  };
}

/** Each token's own adapters are read; those that tokens share count once a token all the same. */
function lora(
  label: string,
  { role, rankTotal, facts: { config, elementBytes, tokens } }: {
    role: string;
    rankTotal: number;
    facts: StepFacts;
  },
): KernelCost | null {
  const shapes = PROJECTIONS_OF[role]?.map((name) => projectionShape(config, name));
  if (!shapes) return null;
  const width = shapes.reduce(
    (sum, { inSize, outSize }) => sum + (label === "lora_shrink" ? inSize : outSize),
    0,
  );
  const elements = tokens * rankTotal * width;
  return { bytes: elementBytes * elements, flops: 2 * elements };
}
