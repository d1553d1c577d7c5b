/**
 * What the routes need from the rest of the server, declared as narrowly as they use it. `main.ts`
 * passes the real parts; tests pass fakes.
 */
import type {
  AdapterInfo,
  AdapterLease,
  AdapterStoreStats,
  ClassBinding,
  PutOptions,
  RouterSeat,
} from "../adapters/mod.ts";
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
  /** The last `maxTokens` tokens of a text as a router sees it, none special. */
  encodeTail(text: string, maxTokens: number): Uint32Array;
  isSpecial(token: number): boolean;
  decode(tokens: readonly number[]): string;
  /** `continuation`: the tokens follow other text, so a leading space is theirs to keep. */
  detokenizer(options?: { continuation?: boolean }): Detokenizer;
  /** The bytes a token adds in the middle of a text; they need not be whole characters. */
  tokenBytes(token: number): Uint8Array;
  /** Tokens whose text could complete one of the stop strings. */
  pauseTokensFor(stops: readonly string[]): readonly number[];
}

/** A hold on one generation of an adapter; `release` may be called once or more. */
export type HeldAdapter = Pick<AdapterLease, "name" | "generation" | "level" | "release">;

/** The adapters by name. What each does, and throws, is the store's to say (adapters/). */
export interface AdapterCatalog {
  list(): readonly AdapterInfo[];
  get(name: string): AdapterInfo | undefined;
  /** Holds the name's current generation. Throws WeftError (`bad_adapter`, `origin_failed`, …). */
  acquire(name: string, signal: AbortSignal): Promise<HeldAdapter>;
  /** The same for a URL that has no name here; the hold's `name` is the URL without its secrets. */
  acquireUrl(url: string, signal: AbortSignal): Promise<HeldAdapter>;
  /**
   * Begins to prepare what a name shall stand for; from then on `get` shows it. Throws at once what
   * needs no origin. Once its signal is aborted, the name stays as it was.
   */
  startPut(name: string, options: PutOptions): { done: Promise<AdapterInfo> };
  /** The name is unknown from now on. */
  delete(name: string): void;
  pin(name: string): Promise<AdapterInfo>;
  unpin(name: string): AdapterInfo;
  /** Asks the origin whether there is something new. */
  refresh(name: string, signal: AbortSignal): Promise<AdapterInfo>;
  /** Lists every catalogue anew. */
  refreshCatalogues(signal: AbortSignal): Promise<void>;
  stats(): AdapterStoreStats;
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
  /** What admin endpoints ask for; null leaves them to this machine's own users (`boundToLoopback`). */
  adminToken: string | null;
  /** The server listens on a loopback address alone. */
  boundToLoopback: boolean;
  /** An admin's request may name adapters by URL. */
  allowRequestUrls: boolean;
}

export interface AppDeps {
  engine: Engine;
  tokenizer: TextTokenizer;
  adapters: AdapterCatalog;
  /** Which router is in place, and how that changes. */
  seat: Pick<RouterSeat, "present" | "swap" | "remove">;
  /** How the router can come to choose each adapter. */
  classes: Pick<ClassBinding, "routingOf" | "settled">;
  settings: RouteSettings;
  lifecycle: Lifecycle;
  metrics: ServerMetrics;
  logger: Logger;
  clock: Clock;
}
