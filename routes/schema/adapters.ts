import { z } from "zod";
import { MAX_EXAMPLE_LENGTH, MAX_EXAMPLES, MIN_EXAMPLES } from "../../adapters/mod.ts";
import { messageList } from "./chat.ts";
import { adapterUrl, flag, text } from "./common.ts";

const SHA256_MESSAGE = "expected a sha256: 64 hexadecimal digits";

export const sha256 = z.string(SHA256_MESSAGE).regex(/^[0-9a-f]{64}$/i, SHA256_MESSAGE)
  .transform((digits) => digits.toLowerCase());

const EXAMPLES_MESSAGE = `expected ${MIN_EXAMPLES} to ${MAX_EXAMPLES} example prompts, or an ` +
  "empty list to take them away";
const EXAMPLE_MESSAGE = `expected a text of 1 to ${MAX_EXAMPLE_LENGTH} characters, or messages`;

const examples = z.array(
  z.union([
    text.min(1, EXAMPLE_MESSAGE).max(MAX_EXAMPLE_LENGTH, EXAMPLE_MESSAGE),
    messageList,
  ], EXAMPLE_MESSAGE),
  EXAMPLES_MESSAGE,
).max(MAX_EXAMPLES, EXAMPLES_MESSAGE)
  .refine(({ length }) => length === 0 || length >= MIN_EXAMPLES, EXAMPLES_MESSAGE);

/** The body of `PUT /v1/adapters/{name}`. Strict: an order to change something must be understood whole. */
export const putSchema = z.strictObject({
  url: adapterUrl,
  sha256: sha256.nullish(),
  /** Null asks for a name that is free; left out, nothing is asked. */
  expected_generation: sha256.nullable().optional(),
  pinned: flag,
  /** Prompts by which a router knows what the adapter is for; none takes them away. */
  examples: examples.nullish(),
  wait: z.boolean("expected true or false").default(true),
});

/** `POST /v1/load_lora_adapter`, as vLLM has it; its later fields that mean nothing here are ignored as there. */
export const loadSchema = z.looseObject({
  lora_name: text,
  lora_path: adapterUrl,
  load_inplace: flag,
});

/** `POST /v1/unload_lora_adapter`, as vLLM has it: `lora_int_id` may come too and says nothing. */
export const unloadSchema = z.looseObject({
  lora_name: text.min(1, "expected an adapter's name"),
});
