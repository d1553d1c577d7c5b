import type { AdapterHold, Engine, EngineInfo, EngineStats } from "../../engine/core/engine.ts";
import { WeftError } from "../../engine/core/errors.ts";
import type { RoutedSentence } from "../../engine/core/routing.ts";
import type { GeneratedToken, GenerateRequest, TokenEvent } from "../../engine/core/generation.ts";
import { EOS, VOCAB_SIZE } from "./byte_tokenizer.ts";
import { FakeRouter, type FakeRouterOptions, SENTENCES } from "./fake_router.ts";

export interface FakeEngineOptions {
  /** The tokens of an answer, without the end-of-text that follows; by default the text below. */
  answer?: (request: GenerateRequest) => Iterable<number>;
  /** Tokens per event. */
  burst?: number;
  /** Waited before each event, in milliseconds; 0 still gives way to other tasks. */
  delayMs?: number | ((request: GenerateRequest) => number);
  /** Thrown in place of the event with this number, counted from 0 ("started"). */
  fail?: { at: number; error: Error };
  maxModelLen?: number;
  /** Requests that may run; the rest are refused as overloaded. */
  capacity?: number;
  cachedTokens?: number;
  /** In place from the beginning; null for none. */
  router?: FakeRouterOptions | null;
  /** The sentences of a routed answer: each is told of before the token with its number. */
  sentences?: readonly RoutedSentence[];
}

export const DEFAULT_ANSWER = "Hello, wörld 🌍!";

/** An engine without a model: it answers what it is told to, and keeps books of its requests. */
export class FakeEngine implements Engine {
  readonly info: EngineInfo;
  readonly router: FakeRouter;
  /** Every request, in order of arrival. */
  readonly requests: GenerateRequest[] = [];
  /** Ids of requests now running, and of those that ended by abort. */
  readonly running = new Set<string>();
  readonly aborted: string[] = [];
  /** Generations that are held, each as often as it is. */
  readonly held: string[] = [];
  /** Events handed out. */
  events = 0;
  readonly #options: FakeEngineOptions;
  readonly #lost = Promise.withResolvers<Error>();
  #lossError: Error | null = null;

  constructor(options: FakeEngineOptions = {}) {
    this.#options = options;
    this.info = fakeInfo(options.maxModelLen ?? 512);
    this.router = new FakeRouter(options.router ?? null);
  }

  async *generate(request: GenerateRequest, signal: AbortSignal): AsyncGenerator<TokenEvent> {
    const { fail, capacity = Infinity, burst = 1, cachedTokens = 0, delayMs = 0 } = this.#options;
    this.requests.push(request);
    if (this.running.size >= capacity) {
      throw new WeftError("overloaded", `The queue is full: ${capacity} requests`, {
        retryAfterSeconds: 2,
      });
    }
    this.running.add(request.id);
    let complete = false;
    try {
      let count = 0;
      const events = this.#script(request, { burst, cachedTokens });
      for (const event of events) {
        await pause(typeof delayMs === "number" ? delayMs : delayMs(request), signal);
        if (this.#lossError !== null) throw this.#lossError;
        if (fail?.at === count) throw fail.error;
        if (signal.aborted) {
          yield { kind: "finished", reason: "abort", timings: TIMINGS };
          return;
        }
        count++;
        this.events++;
        yield event;
      }
      complete = true;
    } finally {
      if (!complete && signal.aborted) this.aborted.push(request.id);
      this.running.delete(request.id);
    }
  }

  *#script(
    request: GenerateRequest,
    { burst, cachedTokens }: { burst: number; cachedTokens: number },
  ): Generator<TokenEvent> {
    const { answer = () => new TextEncoder().encode(DEFAULT_ANSWER) } = this.#options;
    const sentences = [...request.routing ? this.#options.sentences ?? SENTENCES : []];
    if (request.routing && this.router.info === null) throw FakeRouter.none();
    if (sentences.length > 0) yield { kind: "routed", sentence: sentences.shift()! };
    yield { kind: "started", cachedTokens };
    let batch: GeneratedToken[] = [];
    let count = 0;
    let stopped = false;
    for (const token of chain(answer(request), EOS)) {
      if (sentences.length > 0 && sentences[0].start < count) {
        if (batch.length > 0) yield { kind: "tokens", tokens: batch };
        batch = [];
        yield { kind: "routed", sentence: sentences.shift()! };
      }
      batch.push(withLogprobs(token, request.sampling.logprobs));
      count++;
      stopped = request.stopTokens.includes(token);
      if (batch.length === burst || stopped || count === request.maxTokens) {
        yield { kind: "tokens", tokens: batch };
        batch = [];
      }
      if (stopped || count === request.maxTokens) break;
    }
    if (batch.length > 0) yield { kind: "tokens", tokens: batch };
    const timings = request.routing ? { ...TIMINGS, route_ms: 4 } : TIMINGS;
    yield { kind: "finished", reason: stopped ? "stop" : "length", timings };
  }

  /** Plays the loss of the device. */
  lose(): void {
    this.#lossError = new WeftError("device_lost", "The GPU device was lost: unplugged");
    this.#lost.resolve(this.#lossError);
  }

  get lost(): Promise<Error> {
    return this.#lost.promise;
  }

  stats(): EngineStats {
    return {
      running: this.running.size,
      waiting: 0,
      waitingTokens: 0,
      kvUsage: 0.25,
      batchSize: this.running.size,
      steps: this.events,
      preemptions: 0,
      promptTokens: 0,
      cachedPromptTokens: 0,
      generatedTokens: 0,
      residentAdapters: ["a", "b"],
      pinnedAdapters: [],
      heldAdapters: [...new Set(this.held)],
      adapterBytes: 2048,
      adapterHits: 5,
      adapterMisses: 3,
      adapterLoads: 3,
      adapterEvictions: 1,
      routes: 21,
      routeAbstentions: 22,
      routeMisses: 23,
    };
  }

  holdAdapter(generation: string, signal?: AbortSignal): Promise<AdapterHold> {
    if (this.#lossError !== null) return Promise.reject(this.#lossError);
    if (signal?.aborted) return Promise.reject(signal.reason);
    this.held.push(generation);
    let isReleased = false;
    const release = () => {
      if (!isReleased) this.held.splice(this.held.indexOf(generation), 1);
      isReleased = true;
    };
    return Promise.resolve({ release });
  }

  checkIntegrity(): Promise<void> {
    if (this.running.size > 0) throw new Error(`Still running: ${[...this.running]}`);
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const TIMINGS = { queue_ms: 1, upload_ms: 0, prefill_ms: 2, decode_ms: 3 };

function* chain(tokens: Iterable<number>, last: number): Generator<number> {
  yield* tokens;
  yield last;
}

function withLogprobs(token: number, logprobs: number | null): GeneratedToken {
  if (logprobs === null) return { token };
  const topLogprobs = Array.from({ length: logprobs }, (_, i) => ({
    token: (token + i) % VOCAB_SIZE,
    logprob: -0.5 - i,
  }));
  return { token, logprob: -0.5, topLogprobs };
}

/** Waits, or ends early when the signal aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}

function fakeInfo(maxModelLen: number): EngineInfo {
  return {
    device: { vendor: "fake", architecture: "", description: "Fake device", isFallback: true },
    model: {
      architecture: "llama",
      vocabSize: VOCAB_SIZE,
      hiddenSize: 64,
      intermediateSize: 128,
      numLayers: 2,
      numHeads: 4,
      numKvHeads: 2,
      headDim: 16,
      rmsNormEps: 1e-5,
      ropeTheta: 10_000,
      ropeScaling: { kind: "none" },
      maxPositionEmbeddings: maxModelLen,
      tieWordEmbeddings: true,
      qkvBias: false,
      outBias: false,
      mlpBias: false,
      qkNorm: false,
      slidingWindow: 0,
      eosTokenIds: [EOS],
    },
    dtype: "f32",
    quantize: "none",
    tuning: "default",
    maxModelLen,
    maxBatch: 8,
    maxAdapters: 4,
    maxLoraRank: 64,
    numBlocks: 64,
    weightBytes: 1,
    kvBytes: 1,
    deviceBytes: 4096,
    maxQueuedRequests: 16,
    maxQueuedTokens: 4096,
  };
}
