import type { EngineInfo } from "../../engine/core/engine.ts";
import { ApiError } from "../errors.ts";
import type { GenerationFields } from "../schema/common.ts";
import type { GenerationPlan } from "./run.ts";
import { requireToken, samplingParams } from "./sampling.ts";

/** An answer's id in OpenAI's manner: `chatcmpl-…`. */
export function newId(prefix: string): string {
  return `${prefix}-${crypto.randomUUID().replaceAll("-", "")}`;
}

/** The part of a plan that both endpoints make alike. Throws `invalid_request`. */
export function sharedPlan(
  fields: GenerationFields,
  { logprobs, info }: { logprobs: number | null; info: EngineInfo },
): Pick<GenerationPlan, "n" | "sampling" | "stops" | "stopTokens"> {
  if (fields.stream_options !== undefined && fields.stream_options !== null && !fields.stream) {
    throw new ApiError("invalid_request", '"stream_options" needs "stream": true', {
      param: "stream_options",
    });
  }
  const { vocabSize, eosTokenIds } = info.model;
  const asked = fields.stop_token_ids ?? [];
  asked.forEach((token, i) => requireToken(token, { vocabSize, param: `stop_token_ids[${i}]` }));
  return {
    n: fields.n ?? 1,
    sampling: samplingParams(fields, { vocabSize, logprobs }),
    stops: fields.stop ?? [],
    stopTokens: [...new Set([...asked, ...(fields.ignore_eos ? [] : eosTokenIds)])],
  };
}
