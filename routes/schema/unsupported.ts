import { ApiError } from "../errors.ts";
import { quote } from "./parse.ts";

/** Is this value the same as leaving the field out? */
type Neutral = (value: unknown) => boolean;

const never: Neutral = () => false;
const isFalse: Neutral = (value) => value === false;
const isEmptyList: Neutral = (value) => Array.isArray(value) && value.length === 0;
const equals = (...values: unknown[]): Neutral => (value) => values.includes(value);

/**
 * Fields of OpenAI's API, vLLM's or Weft's own plans that would change the answer and that this
 * server does not implement. They are refused unless they ask for what happens anyway.
 */
const UNSUPPORTED: Readonly<Record<string, Neutral>> = {
  tools: isEmptyList,
  tool_choice: equals("none"),
  functions: isEmptyList,
  function_call: equals("none"),
  response_format: (value) => typeOf(value) === "text",
  modalities: (value) => Array.isArray(value) && value.every((entry) => entry === "text"),
  audio: never,
  prediction: never,
  reasoning_effort: never,
  verbosity: never,
  web_search_options: never,
  suffix: equals(""),
  min_tokens: equals(0),
  use_beam_search: isFalse,
  length_penalty: equals(1),
  prompt_logprobs: isFalse,
  truncate_prompt_tokens: never,
  allowed_token_ids: never,
  bad_words: isEmptyList,
  guided_json: never,
  guided_regex: never,
  guided_choice: never,
  guided_grammar: never,
  structured_outputs: never,
  chat_template: never,
  chat_template_kwargs: never,
  add_generation_prompt: equals(true),
  continue_final_message: isFalse,
};

/** Throws `unsupported` for the first field that asks for what the server cannot do. */
export function refuseUnsupported(body: Record<string, unknown>): void {
  for (const [field, neutral] of Object.entries(UNSUPPORTED)) {
    const value = body[field];
    if (value === undefined || value === null || neutral(value)) continue;
    throw unsupported(field, `This server does not support "${field}"; got ${quote(value)}`);
  }
  const { best_of: bestOf, n } = body;
  if (bestOf !== undefined && bestOf !== null && bestOf !== (n ?? 1)) {
    throw unsupported(
      "best_of",
      `This server ranks no candidates: "best_of" must equal "n"; got ${quote(bestOf)}`,
    );
  }
}

/** Throws `unsupported` for messages that carry more than text. */
export function refuseUnsupportedMessages(messages: unknown): void {
  if (!Array.isArray(messages)) return;
  messages.forEach((message: unknown, i) => {
    if (typeof message !== "object" || message === null) return;
    const { role, content, tool_calls: calls, function_call: call } = message as Record<
      string,
      unknown
    >;
    if (role === "tool" || role === "function") {
      throw unsupported(`messages[${i}].role`, `This server does not support "${role}" messages`);
    }
    if ((calls !== undefined && calls !== null && !isEmptyList(calls)) || (call ?? null) !== null) {
      throw unsupported(`messages[${i}]`, "This server does not support tool calls in messages");
    }
    if (!Array.isArray(content)) return;
    content.forEach((part: unknown, j) => {
      const type = typeOf(part);
      if (typeof type !== "string" || type === "text") return;
      throw unsupported(
        `messages[${i}].content[${j}].type`,
        `This server reads text only; got a part of type ${quote(type)}`,
      );
    });
  });
}

/** Fields that name, bill or file a request; nothing that an answer depends on. */
const INERT: ReadonlySet<string> = new Set([
  ...["user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key"],
  ...["parallel_tool_calls", "best_of"],
]);

/**
 * Fields nobody here knows. Clients send vendors' fields to every server, so they are no error, but
 * the answer names them (`weft.ignored_fields`): nothing is dropped silently.
 */
export function ignoredFields(
  body: Record<string, unknown>,
  known: Readonly<Record<string, unknown>>,
): string[] {
  return Object.keys(body).filter((field) =>
    !Object.hasOwn(known, field) && !INERT.has(field) && !Object.hasOwn(UNSUPPORTED, field)
  ).slice(0, 20).map((field) => field.slice(0, 64).toWellFormed());
}

function typeOf(value: unknown): unknown {
  return typeof value === "object" && value !== null ? (value as { type?: unknown }).type : null;
}

function unsupported(param: string, message: string): ApiError {
  return new ApiError("unsupported", message, { param });
}
