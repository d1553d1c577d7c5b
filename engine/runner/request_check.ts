import { MAX_MIXTURE } from "../core/adapter_weights.ts";
import { WeftError } from "../core/errors.ts";
import type { GenerateRequest, SamplingParams } from "../core/generation.ts";
import { MAX_BIASES, MAX_LOGPROBS } from "../kernels/mod.ts";

/** Beyond any use, and well within f32. */
const HUGE = 1e30;

/** Numbers' ranges, both ends included. */
const RANGES: { [K in keyof SamplingParams]?: readonly [number, number] } = {
  temperature: [0, HUGE],
  topK: [0, 2 ** 32 - 1],
  topP: [0, 1],
  minP: [0, 1],
  repetitionPenalty: [1e-6, 1e6],
  frequencyPenalty: [-HUGE, HUGE],
  presencePenalty: [-HUGE, HUGE],
  seed: [0, 2 ** 32 - 1],
  logprobs: [0, MAX_LOGPROBS],
};

/**
 * Refuses what the GPU would misread: a token outside the vocabulary, a ninth adapter, a NaN.
 *
 * @throws {WeftError} `invalid_request` that names the field.
 */
export function checkRequest(request: GenerateRequest, vocabSize: number): void {
  const { id, promptTokens, mixture, sampling } = request;
  const refuse = (reason: string, param: string) =>
    new WeftError("invalid_request", `Cannot queue request "${id}": ${reason}`, { param });

  const place = promptTokens.findIndex((token) => token >= vocabSize);
  if (place >= 0) {
    const token = promptTokens[place];
    throw refuse(
      `token ${token} at position ${place} of the prompt is not below ${vocabSize}, ` +
        "the size of the vocabulary",
      "prompt",
    );
  }
  if (mixture.length > MAX_MIXTURE) {
    throw refuse(
      `a mixture of ${mixture.length} adapters, at most ${MAX_MIXTURE} are allowed`,
      "lora",
    );
  }
  for (const { generation, weight } of mixture) {
    if (Math.abs(weight) <= HUGE) continue;
    throw refuse(`adapter ${generation} has weight ${weight}, must be a finite number`, "lora");
  }
  for (const [field, [least, most]] of Object.entries(RANGES)) {
    const value = sampling[field as keyof typeof RANGES];
    if (value === null || (typeof value === "number" && value >= least && value <= most)) continue;
    const param = field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    throw refuse(`${param} is ${value}, must be from ${least} to ${most}`, param);
  }
  const { logitBias } = sampling;
  if (logitBias.size > MAX_BIASES) {
    throw refuse(`${logitBias.size} logit biases, at most ${MAX_BIASES} are allowed`, "logit_bias");
  }
  for (const [token, bias] of logitBias) {
    if (Number.isInteger(token) && token >= 0 && token < vocabSize && Math.abs(bias) <= HUGE) {
      continue;
    }
    throw refuse(
      `token ${token} has bias ${bias}, must be a finite number for a token from 0 to ` +
        `${vocabSize - 1}`,
      "logit_bias",
    );
  }
}
