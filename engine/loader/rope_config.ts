import type { RopeScaling } from "../core/model_config.ts";
import type { JsonFields } from "./json_fields.ts";

const DEFAULT_THETA = 10_000;

/** Rotary settings in either spelling of `config.json`. */
export interface RopeConfig {
  theta: number;
  scaling: RopeScaling;
}

/**
 * Reads `rope_theta` and `rope_scaling`, or the `rope_parameters` that transformers 5 writes in their
 * place. When both stand there, `rope_scaling` is taken, as transformers does.
 *
 * @throws {WeftError} `bad_model` for a wrong value, `unsupported` for another kind of scaling.
 */
export function parseRope(config: JsonFields, maxPositionEmbeddings: number): RopeConfig {
  refusePartialRotation(config);
  const rope = config.object("rope_scaling") ?? config.object("rope_parameters");
  const topTheta = config.number("rope_theta", { min: 1, fallback: DEFAULT_THETA });
  if (!rope) return { theta: topTheta, scaling: { kind: "none" } };
  refusePartialRotation(rope);
  const theta = rope.number("rope_theta", { min: 1, fallback: topTheta });
  return { theta, scaling: parseScaling(rope, { config, maxPositionEmbeddings }) };
}

interface Surroundings {
  config: JsonFields;
  maxPositionEmbeddings: number;
}

function parseScaling(rope: JsonFields, around: Surroundings): RopeScaling {
  // `type` is the older name of `rope_type`.
  const field = rope.get("rope_type") === undefined ? "type" : "rope_type";
  const type = rope.get(field) ?? "default";
  switch (type) {
    case "default":
      return { kind: "none" };
    case "linear":
      return { kind: "linear", factor: rope.number("factor", { min: 1 }) };
    case "llama3":
      return parseLlama3(rope, around);
    default:
      throw rope.unsupported(field, "supported are default, linear and llama3");
  }
}

/** The wavelength bands of Llama 3.1, as transformers' `_compute_llama3_parameters` has them. */
function parseLlama3(rope: JsonFields, around: Surroundings): RopeScaling {
  const lowFreqFactor = rope.number("low_freq_factor", { min: 1e-6 });
  const highFreqFactor = rope.number("high_freq_factor", { min: 1e-6 });
  if (highFreqFactor <= lowFreqFactor) {
    throw rope.error("high_freq_factor", `more than low_freq_factor (${lowFreqFactor}) is needed`);
  }
  const { config, maxPositionEmbeddings } = around;
  const ownOriginal = rope.size("original_max_position_embeddings", maxPositionEmbeddings);
  return {
    kind: "llama3",
    factor: rope.number("factor", { min: 1 }),
    lowFreqFactor,
    highFreqFactor,
    originalMaxPositionEmbeddings: config.size("original_max_position_embeddings", ownOriginal),
  };
}

function refusePartialRotation(fields: JsonFields): void {
  if ((fields.get("partial_rotary_factor") ?? 1) !== 1) {
    throw fields.unsupported("partial_rotary_factor", "only 1 is supported");
  }
}
