import type { SamplingParams } from "../../engine/core/generation.ts";
import { ApiError } from "../errors.ts";
import type { GenerationFields } from "../schema/common.ts";

/** The request's sampling fields in the engine's terms. Throws for tokens outside the vocabulary. */
export function samplingParams(
  fields: GenerationFields,
  options: { vocabSize: number; logprobs: number | null },
): SamplingParams {
  return {
    temperature: fields.temperature ?? 1,
    topK: Math.max(0, Math.min(fields.top_k ?? 0, options.vocabSize)),
    // A mass of 0 is reached by the likeliest token alone, like any tiny mass.
    topP: Math.max(fields.top_p ?? 1, 1e-6),
    minP: fields.min_p ?? 0,
    repetitionPenalty: fields.repetition_penalty ?? 1,
    frequencyPenalty: fields.frequency_penalty ?? 0,
    presencePenalty: fields.presence_penalty ?? 0,
    logitBias: logitBias(fields.logit_bias ?? {}, options.vocabSize),
    seed: foldSeed(fields.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]),
    logprobs: options.logprobs,
  };
}

/** A safe integer to 32 bits: itself where it fits, else its halves mixed. */
export function foldSeed(seed: number): number {
  const low = seed >>> 0;
  const high = Math.floor(seed / 2 ** 32) >>> 0;
  return (low ^ high) >>> 0;
}

/** The seed of a request's n-th answer: the first is the request's own, the others lie far apart. */
export function choiceSeed(seed: number, choice: number): number {
  return (seed + Math.imul(choice, 0x9e3779b9)) >>> 0;
}

function logitBias(bias: Record<string, number>, vocabSize: number): Map<number, number> {
  const entries = Object.entries(bias).map(([key, value]) => [Number(key), value] as const);
  for (const [token] of entries) requireToken(token, { vocabSize, param: "logit_bias" });
  return new Map(entries);
}

/** Throws `invalid_request` for an id that the vocabulary does not hold. */
export function requireToken(token: number, options: { vocabSize: number; param: string }): void {
  if (token < options.vocabSize) return;
  throw new ApiError(
    "invalid_request",
    `Invalid token id ${token} in "${options.param}": the vocabulary has ${options.vocabSize} ` +
      "tokens, counted from 0",
    { param: options.param },
  );
}
