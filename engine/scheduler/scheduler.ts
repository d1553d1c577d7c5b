import { WeftError } from "../core/errors.ts";
import { BlockManager } from "./block_manager.ts";
import { ensure } from "./invariant.ts";
import { checkRoom, maxLengthOf } from "./intake.ts";
import { checkOptions, type SchedulerOptions } from "./options.ts";
import type { PrefillChunk, SchedulerStats, StepPlan, StepResults } from "./plan.ts";
import { checkResults } from "./results.ts";
import { RunningBatch } from "./running_batch.ts";
import { type Pace, type Sequence, SequenceRecord, type SequenceSpec } from "./sequence.ts";
import { WaitingQueue } from "./waiting_queue.ts";

type Plan = StepPlan<SequenceRecord>;

/**
 * Decides what each step computes: `schedule`, run the plan, `commit` what was drawn, `finish`
 * those that are done, again. One step is in flight at a time. Pure and synchronous: no GPU, no
 * clock, no text.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #blocks: BlockManager;
  readonly #waiting = new WaitingQueue();
  readonly #running: RunningBatch;
  /** All that wait or run. */
  readonly #sequences = new Map<string, SequenceRecord>();
  #inFlight: Plan | null = null;
  readonly #counters = {
    batchSize: 0,
    steps: 0,
    preemptions: 0,
    promptTokens: 0,
    cachedPromptTokens: 0,
    generatedTokens: 0,
  };

  /** Throws `internal` for a size that is not a whole number of 1 or more. */
  constructor(options: SchedulerOptions) {
    checkOptions(options);
    this.#options = { ...options };
    this.#blocks = new BlockManager(options);
    this.#running = new RunningBatch(options.maxBatch);
  }

  get stats(): SchedulerStats {
    const { numBlocks } = this.#options;
    return {
      running: this.#running.size,
      waiting: this.#waiting.size,
      waitingTokens: this.#waiting.tokens,
      numBlocks,
      usedBlocks: this.#blocks.used,
      cachedBlocks: this.#blocks.cached,
      kvUsage: this.#blocks.used / numBlocks,
      ...this.#counters,
    };
  }

  /**
   * Queues a request. Throws `invalid_request` for one that could never run and `overloaded` when
   * the queue is full.
   */
  add(spec: SequenceSpec): Sequence {
    if (this.#sequences.has(spec.id)) {
      throw new WeftError("invalid_request", `Cannot queue request "${spec.id}": the id is in use`);
    }
    const maxLength = maxLengthOf(spec, this.#options);
    checkRoom(spec, { waiting: this.#waiting, options: this.#options });
    const sequence = new SequenceRecord(spec, maxLength);
    this.#sequences.set(spec.id, sequence);
    this.#waiting.pushBack(sequence);
    return sequence;
  }

  /**
   * Ends a request: at once, or at commit if its step is in flight (its tokens of that step are
   * then not needed). False if there is no such request or it is ending already.
   */
  abort(id: string): boolean {
    const sequence = this.#sequences.get(id);
    if (!sequence || sequence.flight === "doomed") return false;
    this.#end(sequence);
    return true;
  }

  /** Ends a sequence that met a stop or its limit; full blocks stay cached. Ending twice is fine. */
  finish(sequence: Sequence): void {
    const known = this.#sequences.get(sequence.id);
    if (known === sequence) this.#end(known);
    else ensure(sequence.state === "finished", () => `"${sequence.id}" is not ours to finish`);
  }

  /**
   * Between steps, gives a sequence another mixture for what is not computed yet: from position `from`
   * on, at most its latest token. `carry` keeps what was computed. `recompute` makes the whole text one
   * segment and prefills it again under the new mixture, as after a preemption: the last chunk feeds the
   * latest token and draws the one after it, so none is drawn twice. It keeps its row, or where blocks
   * are missing (others use those it shared) waits at the head of the queue.
   */
  changeMixture(
    sequence: Sequence,
    { key, from, policy }: { key: string; from: number; policy: "carry" | "recompute" },
  ): void {
    const known = this.#landed(sequence);
    ensure(
      known.numComputed <= from && from < known.length,
      () =>
        `"${known.id}" cannot change its mixture at ${from} of ${known.length} in ${known.phase}`,
    );
    if (policy === "carry") return known.appendSegment(from, key);
    if (known.state === "waiting") return known.appendSegment(0, key);
    this.#blocks.release(known);
    known.appendSegment(0, key);
    known.phase = "prefill";
    if (!this.#blocks.admit(known, 0)) this.#preempt(known);
  }

  /** While a decode is in flight: the token it feeds, and all after it, are computed under this mixture. */
  nameMixture(sequence: Sequence, key: string): void {
    const known = this.#sequences.get(sequence.id);
    if (known?.flight === "doomed") return;
    ensure(
      known?.flight === "flying" && known.phase === "decode",
      () => `"${sequence.id}" has no decode in flight to name the mixture of`,
    );
    known.appendSegment(known.numComputed, key);
  }

  /**
   * Between steps, takes back the latest token of a decoding sequence that `rewinds`: the one before it
   * is fed again, and the token drawn again.
   */
  rewind(sequence: Sequence): void {
    const known = this.#landed(sequence);
    ensure(
      known.rewinds && known.phase === "decode" && known.numGenerated > 0,
      () => `"${known.id}" cannot take back a token`,
    );
    known.dropLast();
    known.numComputed--;
    this.#counters.generatedTokens--;
  }

  /** The sequence sits out steps, with its row and blocks (unless it is preempted). */
  hold(sequence: Sequence): void {
    this.#landed(sequence).held = true;
  }

  /** Between steps: how the sequence draws from now on; bursts are as long as that is worth it. */
  setPace(sequence: Sequence, pace: Pace): void {
    this.#landed(sequence).pace = pace;
  }

  resume(sequence: Sequence): void {
    this.#landed(sequence).held = false;
  }

  /**
   * Plans the next step, or null when there is nothing to do. A waiting sequence that `canAdmit`
   * refuses is held and may be overtaken; one that merely lacks a row or blocks may not.
   */
  schedule(canAdmit: (sequence: Sequence) => boolean = () => true): StepPlan | null {
    ensure(this.#inFlight === null, () => "a step was scheduled before the last was committed");
    const preempted = this.#reserveDecodes();
    const prefills: PrefillChunk<SequenceRecord>[] = [];
    const budget = this.#continuePrefills(prefills);
    // What was just preempted would only take back the blocks it had to give.
    if (preempted.length === 0) this.#admit(canAdmit, { prefills, budget });
    const decodes = this.#running.sequences.filter(({ phase, held }) =>
      phase === "decode" && !held
    );
    if (prefills.length + decodes.length === 0) return null;

    const burst = prefills.length > 0 ? 1 : this.#reserveBurst(decodes);
    for (const { sequence } of prefills) sequence.flight = "flying";
    for (const sequence of decodes) sequence.flight = "flying";
    this.#counters.batchSize = prefills.length + decodes.length;
    return this.#inFlight = { prefills, decodes, burst, preempted };
  }

  /**
   * Books the step's results: for each sampled sequence the tokens drawn, 1 for a last prefill
   * chunk, 1 to `min(burst, remaining)` for a decode (fewer than the burst if the row idled).
   * Throws `internal`, and changes nothing, when the results do not fit the plan.
   */
  commit(plan: StepPlan, results: StepResults): void {
    const step = this.#inFlight;
    ensure(step !== null && step === plan, () => "the committed plan is not the one in flight");
    checkResults(step, results);
    this.#inFlight = null;
    this.#counters.steps++;
    for (const { sequence, tokens, last } of step.prefills) {
      if (this.#landDoomed(sequence)) continue;
      sequence.numComputed += tokens.length;
      if (last) {
        this.#append(sequence, results.get(sequence)!);
        sequence.phase = "decode";
      }
      this.#blocks.publish(sequence);
    }
    for (const sequence of step.decodes) {
      if (this.#landDoomed(sequence)) continue;
      const drawn = results.get(sequence)!;
      sequence.numComputed += drawn.length;
      this.#append(sequence, drawn);
      this.#blocks.publish(sequence);
    }
  }

  /** Throws `internal` when rows, queues, block tables, reference counts or the cache disagree. */
  checkIntegrity(): void {
    this.#waiting.checkIntegrity();
    this.#running.checkIntegrity();
    this.#blocks.checkIntegrity(this.#running.sequences);
    ensure(
      this.#sequences.size === this.#waiting.size + this.#running.size,
      () =>
        `${this.#sequences.size} sequences, ${this.#waiting.size} wait, ${this.#running.size} run`,
    );
    for (const { id, phase, state, flight, length, numComputed } of this.#sequences.values()) {
      const known = length - numComputed;
      ensure(
        phase === "decode" ? state === "running" && known === 1 : known >= 1,
        () => `${phase} of "${id}": ${numComputed} of ${length} tokens computed`,
      );
      ensure(
        flight === "landed" || (state === "running" && this.#inFlight !== null),
        () => `"${id}" is ${flight} without a step`,
      );
    }
  }

  #landed({ id }: Sequence): SequenceRecord {
    const known = this.#sequences.get(id);
    ensure(known?.flight === "landed", () => `"${id}" is unknown or in flight`);
    return known;
  }

  #end(sequence: SequenceRecord): void {
    if (sequence.flight === "landed") this.#retire(sequence);
    else sequence.flight = "doomed";
  }

  #retire(sequence: SequenceRecord): void {
    if (sequence.state === "waiting") this.#waiting.delete(sequence);
    else this.#leaveBatch(sequence);
    sequence.state = "finished";
    this.#sequences.delete(sequence.id);
  }

  /** Takes row and blocks; what was computed is lost but for the cache. */
  #leaveBatch(sequence: SequenceRecord): void {
    this.#blocks.release(sequence);
    this.#running.remove(sequence);
    sequence.phase = "prefill";
  }

  /** Makes sure every decode can feed one token; the newest admissions give way if need be. */
  #reserveDecodes(): SequenceRecord[] {
    const preempted: SequenceRecord[] = [];
    for (const sequence of [...this.#running.sequences]) {
      if (sequence.state !== "running" || sequence.phase !== "decode" || sequence.held) continue;
      ensure(sequence.remaining > 0, () => `"${sequence.id}" is at its limit and not finished`);
      if (this.#blocks.grow(sequence, sequence.length)) continue;
      this.#reclaimSurplus();
      while (sequence.row !== -1 && !this.#blocks.grow(sequence, sequence.length)) {
        preempted.push(this.#preempt(this.#running.newest!));
      }
    }
    return preempted;
  }

  /** Takes back what was reserved for a burst in which the row idled. */
  #reclaimSurplus(): void {
    for (const sequence of this.#running.sequences) {
      this.#blocks.shrink(sequence, sequence.length);
    }
  }

  #preempt(sequence: SequenceRecord): SequenceRecord {
    this.#leaveBatch(sequence);
    sequence.state = "waiting";
    this.#waiting.pushFront(sequence);
    this.#counters.preemptions++;
    return sequence;
  }

  /** Plans chunks of admitted sequences; returns the budget left. */
  #continuePrefills(prefills: PrefillChunk<SequenceRecord>[]): number {
    let budget = this.#options.prefillTokenBudget;
    for (const sequence of this.#running.sequences) {
      if (budget === 0) break;
      if (sequence.phase !== "prefill" || sequence.held) continue;
      this.#blocks.catchUp(sequence);
      budget -= this.#planChunk(sequence, { prefills, budget });
    }
    return budget;
  }

  #admit(
    canAdmit: (sequence: Sequence) => boolean,
    { prefills, budget }: { prefills: PrefillChunk<SequenceRecord>[]; budget: number },
  ): void {
    for (const sequence of this.#waiting) {
      if (budget === 0 || this.#running.isFull) return;
      if (sequence.held || !canAdmit(sequence)) continue;
      // A block for each that may grow, lest the next steps preempt what was just prefilled.
      const headroom = this.#running.sequences.filter(({ mayGrow }) => mayGrow).length;
      if (!this.#blocks.admit(sequence, headroom)) return;
      this.#waiting.delete(sequence);
      this.#running.admit(sequence);
      if (sequence.admissions === 1) {
        sequence.numCached = sequence.numComputed;
        this.#counters.promptTokens += sequence.numPrompt;
        this.#counters.cachedPromptTokens += sequence.numCached;
      }
      budget -= this.#planChunk(sequence, { prefills, budget });
    }
  }

  #planChunk(
    sequence: SequenceRecord,
    { prefills, budget }: { prefills: PrefillChunk<SequenceRecord>[]; budget: number },
  ): number {
    const start = sequence.numComputed;
    const segment = sequence.segmentAt(start);
    const boundary = sequence.segments[segment + 1]?.start ?? sequence.length;
    const end = Math.min(boundary, start + budget);
    const tokens = sequence.slice(start, end);
    prefills.push({ sequence, start, segment, tokens, last: end === sequence.length });
    return end - start;
  }

  /** The longest burst whose blocks are there without a preemption; each row has 1 token's already. */
  #reserveBurst(decodes: readonly SequenceRecord[]): number {
    let longest = 1;
    for (const { remaining } of decodes) longest = Math.max(longest, remaining);
    const most = Math.min(longest, this.#options.maxBurst);
    for (let burst = usefulBurst(decodes, most); burst > 1; burst--) {
      let missing = 0;
      for (const sequence of decodes) {
        missing += this.#blocks.missing(sequence, lengthAfter(sequence, burst));
      }
      if (missing > this.#blocks.available) continue;
      for (const sequence of decodes) this.#blocks.grow(sequence, lengthAfter(sequence, burst));
      return burst;
    }
    return 1;
  }

  #append(sequence: SequenceRecord, drawn: readonly number[]): void {
    sequence.append(drawn);
    this.#counters.generatedTokens += drawn.length;
  }

  /** Frees what was ended while its step was in flight. */
  #landDoomed(sequence: SequenceRecord): boolean {
    const doomed = sequence.flight === "doomed";
    sequence.flight = "landed";
    if (doomed) this.#retire(sequence);
    return doomed;
  }
}

/** What a submission costs beside its tokens, in the time of one (docs/LOG.md). */
const SUBMISSION_COST = 0.2;

/** Of bursts up to `most`, the one expected to draw the most tokens in its time. */
function usefulBurst(decodes: readonly SequenceRecord[], most: number): number {
  let [best, bestRate] = [most, 0];
  for (let burst = most; burst >= 1; burst--) {
    const drawn = decodes.reduce((sum, { pace }) => sum + expectedDraws(pace, burst), 0);
    const rate = drawn / (burst + SUBMISSION_COST);
    if (rate > bestRate) [best, bestRate] = [burst, rate];
  }
  return best;
}

function expectedDraws({ most, pauseChance }: Pace, burst: number): number {
  const draws = Math.min(most, burst);
  return pauseChance === 0 ? draws : (1 - (1 - pauseChance) ** draws) / pauseChance;
}

/** Positions in the cache once a decode has drawn a whole burst. */
function lengthAfter(sequence: SequenceRecord, burst: number): number {
  return sequence.numComputed + Math.min(burst, sequence.remaining);
}
