import type { AdapterWeights } from "../../engine/core/adapter_weights.ts";
import type { ModelConfig } from "../../engine/core/model_config.ts";
import { parsePeftConfig } from "./config.ts";
import type { AdapterFiles } from "./files.ts";
import { generationOf } from "./generation.ts";
import { resolveTargets } from "./targets.ts";
import { readModules } from "./tensors.ts";

export interface ParseOptions {
  /** The base the adapter must fit. */
  model: ModelConfig;
  /** The largest rank a module may have. */
  maxRank: number;
  /** What the weights become on the GPU; f32 unless told. */
  dtype?: "f16" | "f32";
  /** That of the files, where it is known already. */
  generation?: string;
  signal?: AbortSignal;
}

/**
 * Checks a PEFT LoRA adapter against a base and converts it to f32. What Weft cannot compute exactly is refused.
 *
 * @throws {WeftError} `bad_adapter`; the message is the reason alone. What `signal` holds when it aborts.
 */
export async function parsePeftAdapter(
  files: AdapterFiles,
  { model, maxRank, dtype, generation, signal }: ParseOptions,
): Promise<AdapterWeights> {
  const targets = resolveTargets(parsePeftConfig(files.config), { model, maxRank });
  const modules = await readModules(files.weights, targets, { model, dtype, signal });
  return {
    generation: generation ?? await generationOf(files),
    maxRank: Math.max(...modules.map((module) => module.rank)),
    modules,
  };
}
