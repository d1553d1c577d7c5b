import { WeftError } from "../../engine/core/errors.ts";
import { ApiError } from "../errors.ts";

export interface AdmissionLimits {
  maxModelLen: number;
  /** The field a prompt came from. */
  param: string;
}

/**
 * How many tokens an answer may have: what was asked for, or what the context leaves.
 * Throws `context_length_exceeded` with the numbers where prompt and answer do not fit.
 */
export function answerBudget(
  prompt: Uint32Array,
  asked: number | null,
  { maxModelLen, param }: AdmissionLimits,
): number {
  if (prompt.length === 0) {
    throw new ApiError("invalid_request", `The prompt in "${param}" has no tokens`, { param });
  }
  const left = maxModelLen - prompt.length;
  if (left < Math.max(1, asked ?? 1)) {
    const answer = asked === null ? "at least 1 for the answer" : `${asked} for the answer`;
    throw new ApiError(
      "invalid_request",
      `This model's context is ${maxModelLen} tokens; the prompt has ${prompt.length}, with ` +
        `${answer}. Shorten one of them.`,
      { param, reason: "context_length_exceeded" },
    );
  }
  return asked ?? left;
}

/** Runs an encoding of a prompt; its error for one that is too long becomes OpenAI's. */
export async function encodePrompt(
  encode: (options: { maxTokens: number }) => Uint32Array | Promise<Uint32Array>,
  { maxModelLen, param }: AdmissionLimits,
): Promise<Uint32Array> {
  try {
    // One token must be left for the answer.
    return await encode({ maxTokens: maxModelLen - 1 });
  } catch (cause) {
    const tooLong = cause instanceof WeftError && cause.code === "invalid_request" &&
      cause.param === undefined;
    if (!tooLong) throw cause;
    throw new ApiError(
      "invalid_request",
      `This model's context is ${maxModelLen} tokens. ${cause.message}`,
      { param, cause, reason: "context_length_exceeded" },
    );
  }
}
