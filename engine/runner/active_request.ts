import type {
  FinishReason,
  GeneratedToken,
  GenerateRequest,
  Mixture,
  Timings,
} from "../core/generation.ts";
import type { Sequence } from "../scheduler/mod.ts";
import type { Claimant } from "./adapter_gate.ts";
import { mixtureKey } from "./mixture_key.ts";
import type { AnswerRoute } from "./routing/answer_route.ts";

/** A request between its arrival and its end. */
export class ActiveRequest implements Claimant {
  readonly request: GenerateRequest;
  readonly sequence: Sequence;
  /** The request's own mixture's generations, each once. */
  readonly generations: readonly string[];
  /** Of a routed request. */
  readonly route: AnswerRoute | null;
  /** What its routes have pinned, until it ends: a preempted sequence is replayed as it was computed. */
  readonly pins: (readonly string[])[] = [];
  /** By key, all mixtures that the sequence's segments have. */
  readonly #mixtures = new Map<string, Mixture>();
  readonly #stops: ReadonlySet<number>;
  readonly #submittedAt: number;
  /** Its adapters are pinned on the GPU. */
  ready: boolean;
  started = false;
  /** The admission whose row state was last written; see Sequence.admissions. */
  rowAdmission = 0;
  /** The block table version last written. */
  tableVersion = -1;
  /** The mixture that the row has on the GPU; null: none of this admission's. */
  rowMixture: Mixture | null = null;
  #routedAt: number | null = null;
  #readyAt: number;
  #scheduledAt = 0;
  #firstTokenAt = 0;

  constructor(
    request: GenerateRequest,
    { sequence, route }: { sequence: Sequence; route: AnswerRoute | null },
    now: number,
  ) {
    this.request = request;
    this.sequence = sequence;
    this.route = route;
    this.addMixture(request.mixture);
    this.generations = [...new Set(request.mixture.map(({ generation }) => generation))];
    this.ready = this.generations.length === 0;
    this.#stops = new Set(request.stopTokens);
    this.#submittedAt = now;
    this.#readyAt = now;
  }

  /** The mixture of a segment of its sequence. */
  mixtureOf(key: string): Mixture {
    const mixture = this.#mixtures.get(key);
    if (!mixture) throw new Error(`request ${this.request.id} has no mixture "${key}"`);
    return mixture;
  }

  /** Under which what is decoded now runs. */
  get mixture(): Mixture {
    return this.mixtureOf(this.sequence.segments.at(-1)!.mixtureKey);
  }

  /** Returns its key. */
  addMixture(mixture: Mixture): string {
    const key = mixtureKey(mixture);
    this.#mixtures.set(key, mixture);
    return key;
  }

  /** The router has chosen the prompt's mixture. */
  markRouted(now: number): void {
    this.#routedAt ??= now;
  }

  markReady(now: number): void {
    this.ready = true;
    this.#readyAt = now;
  }

  markStarted(now: number): void {
    this.started = true;
    this.#scheduledAt = now;
  }

  /** Why the request ends after these tokens, or null when it goes on. */
  reasonToFinish(tokens: readonly GeneratedToken[], now: number): FinishReason | null {
    if (this.#firstTokenAt === 0 && tokens.length > 0) this.#firstTokenAt = now;
    const last = tokens.at(-1);
    if (last && this.#stops.has(last.token)) return "stop";
    return this.sequence.remaining === 0 ? "length" : null;
  }

  timings(now: number): Timings {
    const scheduled = this.#scheduledAt || now;
    const first = this.#firstTokenAt || now;
    const ready = Math.min(this.#readyAt, scheduled);
    const routed = this.#routedAt ?? this.#submittedAt;
    return {
      queue_ms: scheduled - ready,
      ...(this.route ? { route_ms: routed - this.#submittedAt } : {}),
      upload_ms: ready - routed,
      prefill_ms: first - scheduled,
      decode_ms: now - first,
    };
  }
}
