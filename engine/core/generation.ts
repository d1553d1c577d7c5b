import type { RoutedSentence, RoutingOptions } from "./routing.ts";

/** One adapter of a mixture: `weight` multiplies its update once. */
export interface MixtureEntry {
  /** Generation (sha256 hex) of the adapter. */
  generation: string;
  weight: number;
}

/** Up to MAX_MIXTURE adapters applied together; empty is the base alone. */
export type Mixture = readonly MixtureEntry[];

/** How the next token is drawn. Neutral values switch a step off. */
export interface SamplingParams {
  /** 0 is greedy. */
  temperature: number;
  /** Keep the k likeliest tokens (ties at the border included); 0 = all. */
  topK: number;
  /** Keep the smallest set of likeliest tokens whose mass reaches p; 1 = all. */
  topP: number;
  /** Keep tokens at least this fraction as likely as the likeliest; 0 = all. */
  minP: number;
  /** Divides positive and multiplies negative logits of tokens in prompt or answer; 1 = off. */
  repetitionPenalty: number;
  /** Subtracted once per occurrence in the answer; 0 = off. */
  frequencyPenalty: number;
  /** Subtracted once if the token occurs in the answer; 0 = off. */
  presencePenalty: number;
  /** Token id → value added to its logit; at most 1024. */
  logitBias: ReadonlyMap<number, number>;
  /** 32-bit seed; the n-th token of a request depends on seed and n only. */
  seed: number;
  /** How many alternatives to report per token (0 to 20), or null for no log-probabilities. */
  logprobs: number | null;
}

/** Every step off: the likeliest token, always. */
export const GREEDY: SamplingParams = Object.freeze({
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  frequencyPenalty: 0,
  presencePenalty: 0,
  logitBias: new Map(),
  seed: 0,
  logprobs: null,
});

/** What a request that is routed brings along. */
export interface RoutingRequest {
  options: RoutingOptions;
  /** The prompt as the router sees it (docs/ROUTING.md); what is generated follows. May be empty. */
  text: Uint32Array;
}

export interface GenerateRequest {
  id: string;
  promptTokens: Uint32Array;
  /** Tokens to generate at most, 1 or more. */
  maxTokens: number;
  /** Empty for a routed request. */
  mixture: Mixture;
  /** The router chooses the mixture of each sentence; undefined: `mixture` stands. */
  routing?: RoutingRequest;
  sampling: SamplingParams;
  /** Tokens that end the answer (reported, not part of the text). */
  stopTokens: readonly number[];
  /** Tokens after which a row idles for the rest of a burst, so that the host may look at the text. */
  pauseTokens: readonly number[];
}

export interface TokenLogprob {
  token: number;
  logprob: number;
}

/** One generated token. */
export interface GeneratedToken {
  token: number;
  /** Present when asked for: the token's own log-probability (raw model distribution) and the best alternatives. */
  logprob?: number;
  topLogprobs?: TokenLogprob[];
}

/** `stop`: a stop token was drawn; `length`: maxTokens or the context limit was reached. */
export type FinishReason = "stop" | "length" | "abort";

/** Milliseconds a request spent in each stage. */
export interface Timings {
  queue_ms: number;
  /** Routed requests: from arrival to the prompt's mixture, waits for adapters not included. */
  route_ms?: number;
  upload_ms: number;
  prefill_ms: number;
  decode_ms: number;
}

/**
 * What a generation yields, in order: started, tokens…, finished. A failure throws instead. Of a
 * routed request each sentence's route comes before the tokens that were computed under it: the
 * first before `started`.
 */
export type TokenEvent =
  | { kind: "routed"; sentence: RoutedSentence }
  | { kind: "started"; cachedTokens: number }
  | { kind: "tokens"; tokens: GeneratedToken[] }
  | { kind: "finished"; reason: FinishReason; timings: Timings };
