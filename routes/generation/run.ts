import type { SamplingParams, Timings } from "../../engine/core/generation.ts";
import type { RoutedSentence, RoutingOptions } from "../../engine/core/routing.ts";
import type { AppDeps } from "../ports.ts";
import type { RequestRecord } from "../request_record.ts";
import { type ChoiceEvent, decodeChoice } from "./choice.ts";
import { merge } from "./merge.ts";
import type { AppliedAdapter, PinnedMixture } from "./mixture.ts";
import { choiceSeed } from "./sampling.ts";
import { type ShownSentence, showSentence } from "./sentences.ts";

/** A checked request: what to generate for each of its prompts. */
export interface GenerationPlan {
  /** The answer's id, constant over all its chunks. */
  id: string;
  prompts: readonly Uint32Array[];
  /** Answers per prompt; choice `p * n + i` is prompt p's i-th. */
  n: number;
  /** Per prompt, tokens to generate at most. */
  maxTokens: readonly number[];
  sampling: SamplingParams;
  stops: readonly string[];
  stopTokens: readonly number[];
  /** The answer goes on with the prompt's text instead of standing by itself. */
  continuation: boolean;
  /** How each prompt is routed, with what the router sees of it; undefined: its adapters are named. */
  routing?: { options: RoutingOptions; texts: readonly Uint32Array[] };
}

/** What a whole run used. */
export interface RunSummary {
  promptTokens: number;
  cachedTokens: number;
  completionTokens: number;
  adapters: readonly AppliedAdapter[];
  /** Of routed answers, by choice and index; null where the adapters were named. */
  sentences: readonly ShownSentence[] | null;
  /** The longest of the choices' stages, in milliseconds. */
  timings: Timings & { fetch_ms: number };
}

/** A choice's event; the last `finished` brings the summary. */
export type RunEvent =
  | Exclude<ChoiceEvent, { kind: "finished" }>
  | (Extract<ChoiceEvent, { kind: "finished" }> & { summary: RunSummary | null });

export interface RunOptions {
  deps: AppDeps;
  pinned: PinnedMixture;
  record: RequestRecord;
  /** Aborted when the client goes away or the server must stop. */
  signal: AbortSignal;
}

/**
 * Runs all choices of a plan together. Ending the iteration early, or an error of any choice, aborts
 * every engine request; the iteration is over only when the engine has let go of them all.
 */
export async function* runPlan(
  plan: GenerationPlan,
  options: RunOptions,
): AsyncGenerator<RunEvent, void> {
  const { pinned, record, deps: { metrics } } = options;
  const tally = new Tally(plan, options);
  const all = new AbortController();
  const signal = AbortSignal.any([options.signal, all.signal]);
  try {
    const choices = plan.prompts.flatMap((_, prompt) =>
      Array.from(
        { length: plan.n },
        (_, i) => startChoice(plan, { prompt, i, signal, tally, options }),
      )
    );
    let open = choices.length;
    for await (const event of merge(choices, () => all.abort())) {
      if (event.kind === "started") tally.started(event);
      if (event.kind !== "finished") {
        yield event;
        continue;
      }
      tally.finished(event.timings);
      record.finishReason = event.reason;
      yield { ...event, summary: --open === 0 ? tally.summary(pinned) : null };
    }
  } catch (error) {
    // Whoever aborted the run knows why it ended; the engine only knows that it did.
    throw options.signal.aborted ? options.signal.reason : error;
  } finally {
    const { promptTokens, cachedTokens, completionTokens, sentences } = tally.summary(pinned);
    if (sentences !== null) record.adapters = idsOf(sentences);
    record.promptTokens = promptTokens;
    record.cachedTokens = cachedTokens;
    record.completionTokens = completionTokens;
    metrics.tokens({ prompt: promptTokens, cached: cachedTokens, generated: completionTokens });
  }
}

/** Each adapter once, for the log. */
function idsOf(sentences: readonly ShownSentence[]): string | undefined {
  const ids = sentences.flatMap(({ adapters }) => adapters.map(({ id }) => id));
  return [...new Set(ids)].join(",") || undefined;
}

interface ChoiceStart {
  prompt: number;
  i: number;
  signal: AbortSignal;
  tally: Tally;
  options: RunOptions;
}

function startChoice(plan: GenerationPlan, start: ChoiceStart): AsyncIterable<ChoiceEvent> {
  const { prompt, i, signal, tally, options: { deps: { engine, tokenizer }, pinned } } = start;
  const index = prompt * plan.n + i;
  const { routing } = plan;
  const stop = new AbortController();
  const events = engine.generate({
    id: `${plan.id}-${index}`,
    promptTokens: plan.prompts[prompt],
    maxTokens: plan.maxTokens[prompt],
    mixture: pinned.mixture,
    routing: routing && { options: routing.options, text: routing.texts[prompt] },
    sampling: { ...plan.sampling, seed: choiceSeed(plan.sampling.seed, i) },
    stopTokens: plan.stopTokens,
    pauseTokens: plan.stops.length > 0 ? tokenizer.pauseTokensFor(plan.stops) : [],
  }, AbortSignal.any([signal, stop.signal]));
  return decodeChoice(events, {
    index,
    detokenizer: tokenizer.detokenizer({ continuation: plan.continuation }),
    stops: plan.stops,
    stopTokens: plan.stopTokens,
    abort: () => stop.abort(),
    onTokens: (count) => tally.tokens(index, count),
    onRouted: (sentence) => tally.routed(index, sentence),
  });
}

/** Counts a run's tokens and measures their pace. */
class Tally {
  readonly #plan: GenerationPlan;
  readonly #options: RunOptions;
  /** When each choice's latest tokens came; undefined before its first. */
  readonly #latest: number[] = [];
  readonly #cached: number[];
  #completionTokens = 0;
  #sawToken = false;
  /** By choice. */
  readonly #sentences: ShownSentence[][] = [];
  #timings: Timings = { queue_ms: 0, upload_ms: 0, prefill_ms: 0, decode_ms: 0 };

  constructor(plan: GenerationPlan, options: RunOptions) {
    this.#plan = plan;
    this.#options = options;
    this.#cached = plan.prompts.map(() => 0);
  }

  started({ index, cachedTokens }: { index: number; cachedTokens: number }): void {
    // Further answers to a prompt find it in the cache because the first put it there.
    if (index % this.#plan.n === 0) this.#cached[index / this.#plan.n] = cachedTokens;
  }

  tokens(index: number, count: number): void {
    const { deps: { clock, metrics }, record } = this.#options;
    const now = clock.now();
    if (!this.#sawToken) metrics.timeToFirstToken((now - record.arrivedAt) / 1000);
    this.#sawToken = true;
    const latest = this.#latest[index];
    if (latest !== undefined) metrics.interToken((now - latest) / 1000, count);
    this.#latest[index] = now;
    this.#completionTokens += count;
  }

  finished(timings: Timings): void {
    for (const [key, ms] of Object.entries(timings) as [keyof Timings, number][]) {
      this.#timings[key] = Math.max(this.#timings[key] ?? 0, ms);
    }
  }

  routed(index: number, sentence: RoutedSentence): void {
    this.#options.deps.metrics.routed(sentence);
    (this.#sentences[index] ??= []).push(showSentence(index, sentence));
  }

  summary(pinned: PinnedMixture): RunSummary {
    const isRouted = this.#plan.routing !== undefined;
    return {
      promptTokens: this.#plan.prompts.reduce((sum, prompt) => sum + prompt.length, 0),
      cachedTokens: this.#cached.reduce((sum, count) => sum + count, 0),
      completionTokens: this.#completionTokens,
      adapters: pinned.adapters,
      sentences: isRouted ? this.#sentences.flat() : null,
      timings: { fetch_ms: pinned.fetchMs, ...this.#timings },
    };
  }
}
