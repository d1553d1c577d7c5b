/** Bounds of the API that are no matter of configuration. */

/** Answers per prompt (`n`). */
export const MAX_CHOICES_PER_PROMPT = 16;
/** Prompts in one completion request. */
export const MAX_PROMPTS = 128;
/** Answers of one request: prompts × n. */
export const MAX_CHOICES = 128;
export const MAX_STOP_STRINGS = 4;
export const MAX_STOP_STRING_LENGTH = 1024;
export const MAX_STOP_TOKENS = 64;
/** The engine's own bound on alternatives per token. */
export const MAX_TOP_LOGPROBS = 20;
export const MAX_LOGIT_BIAS = 1024;
export const MAX_MESSAGES = 4096;
/** What OpenAI's completions endpoint generates where nothing is said. */
export const DEFAULT_COMPLETION_TOKENS = 16;
/** An adapter's URL, in characters; signed ones are long. */
export const MAX_URL_LENGTH = 8192;
/** The largest body, in bytes. */
export const MAX_BODY_BYTES = 4 * 1024 * 1024;
/** A client that takes nothing of its stream for so long has gone, in milliseconds. */
export const MAX_STALL_MS = 5 * 60_000;
/** A text for `/v1/route`: its sentences, and its characters in UTF-16 units. */
export const MAX_ROUTED_SENTENCES = 256;
export const MAX_ROUTED_CHARACTERS = 262_144;
