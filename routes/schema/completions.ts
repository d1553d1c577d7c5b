import { z } from "zod";
import { MAX_PROMPTS, MAX_TOP_LOGPROBS } from "../limits.ts";
import { flag, generationFields, integer, text, tokenId } from "./common.ts";
import { routingFields } from "./routing.ts";

const PROMPT_MESSAGE = "expected a string, a list of strings, a list of token ids, or a list of " +
  `lists of token ids (at most ${MAX_PROMPTS} prompts, none empty)`;

const tokens = z.array(tokenId).min(1, "expected at least one token id");

const prompt = z.union([
  text,
  z.array(text).min(1, PROMPT_MESSAGE).max(MAX_PROMPTS, PROMPT_MESSAGE),
  tokens,
  z.array(tokens).min(1, PROMPT_MESSAGE).max(MAX_PROMPTS, PROMPT_MESSAGE),
], PROMPT_MESSAGE);

/** The body of `POST /v1/completions`. */
export const completionSchema = z.looseObject({
  ...generationFields,
  ...routingFields,
  prompt,
  echo: flag,
  logprobs: integer(0, MAX_TOP_LOGPROBS),
});

export type CompletionBody = z.output<typeof completionSchema>;

/** The prompts of a request, each text or token ids, in order. */
export function promptList(prompt: CompletionBody["prompt"]): (string | number[])[] {
  if (typeof prompt === "string") return [prompt];
  return typeof prompt[0] === "number" ? [prompt as number[]] : prompt as (string | number[])[];
}
