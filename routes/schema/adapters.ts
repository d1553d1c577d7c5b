import { z } from "zod";
import { adapterUrl, flag, text } from "./common.ts";

const SHA256_MESSAGE = "expected a sha256: 64 hexadecimal digits";

const sha256 = z.string(SHA256_MESSAGE).regex(/^[0-9a-f]{64}$/i, SHA256_MESSAGE)
  .transform((digits) => digits.toLowerCase());

/** The body of `PUT /v1/adapters/{name}`. Strict: an order to change something must be understood whole. */
export const putSchema = z.strictObject({
  url: adapterUrl,
  sha256: sha256.nullish(),
  /** Null asks for a name that is free; left out, nothing is asked. */
  expected_generation: sha256.nullable().optional(),
  pinned: flag,
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
