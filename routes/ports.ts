/**
 * What the routes need from the rest of the server, declared as narrowly as they use it. `main.ts`
 * passes the real parts; tests pass fakes.
 */
import type { Engine } from "../engine/core/engine.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { Logger } from "./logger.ts";
import type { ServerMetrics } from "./metrics.ts";

/** A turn of a conversation; text parts are joined, no content is the empty text. */
export interface ChatMessage {
  role: "system" | "developer" | "user" | "assistant";
  content?: string | readonly { type: "text"; text: string }[] | null;
  name?: string;
}

/** Token ids in, text out, one piece at a time; a code point is held back until it is whole. */
export interface Detokenizer {
  push(token: number): string;
  /** The text still held back, once no token follows. */
  flush(): string;
}

export interface TextTokenizer {
  /**
   * Raw text to token ids, with the special tokens the model expects at its start.
   * Throws WeftError `invalid_request`, without a `param`, for more than `maxTokens` tokens.
   */
  encode(text: string, options: { maxTokens: number }): Uint32Array;
  /** The conversation through the chat template, ready for the assistant's answer. Throws the same. */
  encodeChat(
    messages: readonly ChatMessage[],
    options: { maxTokens: number },
  ): Promise<Uint32Array>;
  decode(tokens: readonly number[]): string;
  /** `continuation`: the tokens follow other text, so a leading space is theirs to keep. */
  detokenizer(options?: { continuation?: boolean }): Detokenizer;
  /** The bytes a token adds in the middle of a text; they need not be whole characters. */
  tokenBytes(token: number): Uint8Array;
  /** Tokens whose text could complete one of the stop strings. */
  pauseTokensFor(stops: readonly string[]): readonly number[];
}

/** An adapter that can be named as `model` or in `lora`. */
export interface AdapterEntry {
  name: string;
  /** A path or URL. */
  location: string;
}

/** A pinned generation of an adapter; `release` may be called once or more. */
export interface AdapterLease {
  readonly generation: string;
  release(): void;
}

export interface AdapterCatalog {
  list(): readonly AdapterEntry[];
  get(name: string): AdapterEntry | undefined;
  /** Pins the name's current generation. Throws WeftError (`bad_adapter`, `overloaded`, …). */
  acquire(name: string, signal: AbortSignal): Promise<AdapterLease>;
}

export interface Clock {
  /** Milliseconds since some fixed moment; never goes back. */
  now(): number;
  /** Seconds since 1970. */
  epochSeconds(): number;
}

/** What of the configuration the routes read. */
export interface RouteSettings {
  /** The base model's name in the API. */
  modelName: string;
  /** Where the base model came from; `root` in `/v1/models`. */
  modelSource: string;
  /** Accepted bearer keys; none leaves the API open. */
  apiKeys: readonly string[];
  /** Origins that browsers may call from; none leaves CORS off. */
  corsOrigins: readonly string[];
  maxBodyBytes: number;
}

export interface AppDeps {
  engine: Engine;
  tokenizer: TextTokenizer;
  adapters: AdapterCatalog;
  settings: RouteSettings;
  lifecycle: Lifecycle;
  metrics: ServerMetrics;
  logger: Logger;
  clock: Clock;
}
