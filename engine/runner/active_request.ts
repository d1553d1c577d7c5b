import type { FinishReason, GeneratedToken, GenerateRequest, Timings } from "../core/generation.ts";
import type { Sequence } from "../scheduler/mod.ts";

/** A request between its arrival and its end. */
export class ActiveRequest {
  readonly request: GenerateRequest;
  readonly sequence: Sequence;
  /** The mixture's generations, each once. */
  readonly generations: readonly string[];
  readonly #stops: ReadonlySet<number>;
  readonly #submittedAt: number;
  /** Its adapters are pinned on the GPU. */
  ready: boolean;
  started = false;
  /** The admission whose row state was last written; see Sequence.admissions. */
  rowAdmission = 0;
  /** The block table version last written. */
  tableVersion = -1;
  #readyAt: number;
  #scheduledAt = 0;
  #firstTokenAt = 0;

  constructor(request: GenerateRequest, sequence: Sequence, now: number) {
    this.request = request;
    this.sequence = sequence;
    this.generations = [...new Set(request.mixture.map(({ generation }) => generation))];
    this.ready = this.generations.length === 0;
    this.#stops = new Set(request.stopTokens);
    this.#submittedAt = now;
    this.#readyAt = now;
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
    return {
      queue_ms: scheduled - ready,
      upload_ms: ready - this.#submittedAt,
      prefill_ms: first - scheduled,
      decode_ms: now - first,
    };
  }
}
