import { z } from "zod";
import { MAX_MIXTURE } from "../../engine/core/adapter_weights.ts";
import {
  MAX_CHOICES_PER_PROMPT,
  MAX_LOGIT_BIAS,
  MAX_STOP_STRING_LENGTH,
  MAX_STOP_STRINGS,
  MAX_STOP_TOKENS,
  MAX_URL_LENGTH,
} from "../limits.ts";

/** Text that is valid Unicode; a lone surrogate has no UTF-8 and hence no tokens. */
export const text = z.string("expected a string")
  .refine((value) => value.isWellFormed(), "expected text without lone surrogates");

/** What names an adapter's origin; whether it is a URL, and one to fetch from, is the store's to say. */
export const adapterUrl = text.min(1, "expected a URL")
  .max(MAX_URL_LENGTH, `expected a URL of at most ${MAX_URL_LENGTH} characters`);

/** A number in a range; OpenAI's clients send null for "not set". */
export function number(least: number, most: number): z.ZodOptional<z.ZodNullable<z.ZodNumber>> {
  const message = `expected a number from ${least} to ${most}`;
  return z.number(message).min(least, message).max(most, message).nullish();
}

export function integer(least: number, most: number): z.ZodOptional<z.ZodNullable<z.ZodNumber>> {
  const message = most === Number.MAX_SAFE_INTEGER
    ? `expected an integer of ${least} or more`
    : `expected an integer from ${least} to ${most}`;
  return z.number(message).refine(Number.isSafeInteger, message).min(least, message)
    .max(most, message).nullish();
}

export const flag = z.boolean("expected true or false").nullish();

export const tokenId = z.number("expected a token id").refine(
  (value) => Number.isSafeInteger(value) && value >= 0,
  "expected a token id: an integer of 0 or more",
);

const stopString = text.min(1, "expected a stop string of at least one character")
  .max(MAX_STOP_STRING_LENGTH, `expected at most ${MAX_STOP_STRING_LENGTH} characters`);

const STOP_MESSAGE = `expected a string or a list of at most ${MAX_STOP_STRINGS} strings`;

const loraEntry = z.strictObject({
  id: z.string("expected an adapter's name").optional(),
  url: adapterUrl.optional(),
  scale: z.number("expected a finite number").default(1),
}, {
  error: (issue) => issue.code === "unrecognized_keys" ? strictMessage(issue.keys) : undefined,
}).refine(
  ({ id, url }) => (id === undefined) !== (url === undefined),
  'expected either an "id" or a "url"',
);

function strictMessage(keys: readonly string[]): string {
  return `expected only "id", "url" and "scale", not ${keys.map((key) => `"${key}"`).join(", ")}`;
}

const lora = z.array(loraEntry, "expected a list of {id, scale} or {url, scale}")
  .max(MAX_MIXTURE, `expected at most ${MAX_MIXTURE} adapters`)
  .superRefine((entries, context) => {
    const seen = new Set<string>();
    entries.forEach(({ id, url }, i) => {
      const key = JSON.stringify([id, url]);
      if (seen.has(key)) {
        context.addIssue({
          code: "custom",
          path: [i, id === undefined ? "url" : "id"],
          message: "expected each adapter once",
        });
      }
      seen.add(key);
    });
  });

const LOGIT_BIAS_MESSAGE = "expected an object of token id to a number from -100 to 100";

const logitBias = z.record(
  z.string().regex(/^\d{1,10}$/, LOGIT_BIAS_MESSAGE),
  z.number(LOGIT_BIAS_MESSAGE).min(-100, LOGIT_BIAS_MESSAGE).max(100, LOGIT_BIAS_MESSAGE),
  LOGIT_BIAS_MESSAGE,
).refine(
  (bias) => Object.keys(bias).length <= MAX_LOGIT_BIAS,
  `expected at most ${MAX_LOGIT_BIAS} tokens`,
);

/** The fields that both generating endpoints take, in the API's spelling. */
export const generationFields = {
  model: z.string("expected a model's name").min(1, "expected a model's name"),
  lora: lora.nullish(),
  stream: flag,
  stream_options: z.looseObject({ include_usage: flag }, "expected an object").nullish(),
  max_tokens: integer(1, Number.MAX_SAFE_INTEGER),
  n: integer(1, MAX_CHOICES_PER_PROMPT),
  stop: z.preprocess(
    (value) => typeof value === "string" ? [value] : value,
    z.array(stopString, STOP_MESSAGE).max(MAX_STOP_STRINGS, STOP_MESSAGE).nullish(),
  ),
  stop_token_ids: z.array(tokenId, "expected a list of token ids")
    .max(MAX_STOP_TOKENS, `expected at most ${MAX_STOP_TOKENS} token ids`).nullish(),
  ignore_eos: flag,
  seed: integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
  temperature: number(0, 2),
  top_p: number(0, 1),
  top_k: integer(-1, Number.MAX_SAFE_INTEGER),
  min_p: number(0, 1),
  repetition_penalty: number(0.01, 100),
  frequency_penalty: number(-2, 2),
  presence_penalty: number(-2, 2),
  logit_bias: logitBias.nullish(),
};

const generation = z.looseObject(generationFields);
/** The fields both endpoints share, checked. */
export type GenerationFields = z.output<typeof generation>;
