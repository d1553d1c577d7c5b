import type { AdapterPart, PartQuestion } from "../core/adapter_part.ts";
import { WeftError } from "../core/errors.ts";
import type { FinishReason, GenerateRequest } from "../core/generation.ts";
import type { Decoder, StepOutput } from "../model/mod.ts";
import type { Scheduler, StepPlan } from "../scheduler/mod.ts";
import { ActiveRequest } from "./active_request.ts";
import { AdapterGate, type Hopeless } from "./adapter_gate.ts";
import { drawnTokens } from "./drawn_tokens.ts";
import { mixtureKey } from "./mixture_key.ts";
import type { AdapterPool, RunnerPorts } from "./ports.ts";
import { checkRequest } from "./request_check.ts";
import { AnswerRoute, noRouter, RoutedAnswers, type RouteDesk } from "./routing/mod.ts";
import { RowWriter } from "./row_writer.ts";
import { buildStep } from "./step_builder.ts";

/** A slice of uploads may always take this long, however fast decoding is. */
const LEAST_SLICE_MS = 1;

/** What a runner drives. */
export interface RunnerParts {
  decoder: Decoder;
  scheduler: Scheduler;
  pool: AdapterPool;
  desk: RouteDesk;
  /** The device's first error, if it had one; see Gpu.fault. */
  fault: () => Error | null;
}

/**
 * Takes requests through the GPU, one step after another: admit, schedule, write what changed, run,
 * commit, report. Everything happens between steps, so an abort takes effect within one.
 */
export class Runner {
  readonly #parts: RunnerParts;
  readonly #ports: RunnerPorts;
  readonly #gate: AdapterGate;
  readonly #routed: RoutedAnswers;
  readonly #rows: RowWriter;
  readonly #requests = new Map<string, ActiveRequest>();
  /** How long decoding rows last waited for one token, without uploads beside them if that was seen. */
  #decodeMs = 0;

  constructor(parts: RunnerParts, ports: RunnerPorts) {
    this.#parts = parts;
    this.#ports = ports;
    this.#gate = new AdapterGate(parts.pool, ports);
    this.#rows = new RowWriter(parts);
    this.#routed = new RoutedAnswers({
      ...parts,
      gate: this.#gate,
      ports,
      fail: (active, error) => this.#fail(active, error),
    });
  }

  /** The router's place; its errands are run between steps. */
  get desk(): RouteDesk {
    return this.#parts.desk;
  }

  /** Queues a request; a refusal is reported through `fail`. */
  submit(request: GenerateRequest): void {
    const { scheduler, decoder } = this.#parts;
    try {
      checkRequest(request, decoder.sampling.shape.vocab);
      const now = this.#ports.now();
      const route = this.#routeOf(request, now);
      const sequence = scheduler.add({
        id: request.id,
        promptTokens: request.promptTokens,
        maxTokens: request.maxTokens,
        mixtureKey: mixtureKey(request.mixture),
        rewinds: route?.options.firstToken === "redraw",
      });
      const active = new ActiveRequest(request, { sequence, route }, now);
      this.#requests.set(request.id, active);
      this.#gate.add(active);
      this.#routed.add(active);
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      this.#ports.fail(request.id, error);
    }
  }

  /** Ends a request with reason "abort"; unknown ids are ignored, as the request may just have ended. */
  abort(id: string): void {
    const active = this.#requests.get(id);
    if (active) this.#finish(active, "abort");
  }

  /** Brings a generation onto the GPU and keeps it there; `RunnerPorts.held` tells when. */
  hold(id: number, generation: string): void {
    this.#gate.hold(id, generation);
  }

  /** Ends a hold; unknown ids are ignored, as it may just have failed. */
  unhold(id: number): void {
    this.#gate.unhold(id);
  }

  adapterArrived(part: AdapterPart): void {
    this.#failAll(this.#gate.arrived(part));
  }

  adapterFailed(question: PartQuestion, error: WeftError): void {
    this.#failAll(this.#gate.failed(question, error));
  }

  /** What the router's choice of an adapter, told by `RunnerPorts.acquireClass`, stands for. */
  classAcquired(id: number, answer: { generation: string } | { error: WeftError }): void {
    this.#routed.awaited.acquired(id, answer);
  }

  /** When `step` has something to do even if nothing is told until then; null: never. */
  get nextDeadline(): number | null {
    return this.#routed.awaited.nextDeadline;
  }

  /** Runs one step, with a slice of uploads before it; false when there is nothing to do now. */
  async step(): Promise<boolean> {
    const { scheduler } = this.#parts;
    this.#failAll(this.#gate.admit());
    const decoding = scheduler.stats.running > 0;
    const slice = this.#gate.upload(decoding ? Math.max(LEAST_SLICE_MS, this.#decodeMs) : null);
    this.#failAll(slice.hopeless);
    this.#routed.settleAwaited();
    const served = await this.#parts.desk.serve();
    const asked = await this.#routed.ask();
    const plan = scheduler.schedule(({ id }) => {
      const active = this.#requests.get(id)!;
      return active.ready && this.#routed.mayRun(active);
    });
    if (!plan) return slice.more || served || asked;
    this.#start(plan);
    this.#rows.write(plan, this.#requests);
    const start = this.#ports.now();
    const { output, due, routed } = await this.#run(plan);
    if (plan.prefills.length === 0 && (slice.modules === 0 || this.#decodeMs === 0)) {
      this.#decodeMs = (this.#ports.now() - start) / plan.burst;
    }
    await this.#throwFault();
    this.#routed.afterStep(due, routed);
    this.#commit(plan, output);
    this.#routed.afterCommit();
    return true;
  }

  /** Whether there are kernels for `warmUp`. */
  get isCold(): boolean {
    return this.#parts.decoder.nextWarmUp !== null;
  }

  /** Compiles some kernels that no request has needed yet, for a moment without any. Between steps only. */
  async warmUp(): Promise<void> {
    await this.#parts.decoder.warmUp();
    await this.#throwFault();
  }

  /** Routes of prompts, of sentences, and of texts that were only asked about. */
  get routeCounts(): { routes: number; abstentions: number; misses: number } {
    const { routes, ...others } = this.#routed.counts;
    return { routes: routes + this.#parts.desk.textRoutes, ...others };
  }

  /** How often requests found their adapters on the GPU. */
  get adapterLookups(): { hits: number; misses: number } {
    return this.#gate.lookups;
  }

  /** Requests that wait for adapters or run. */
  get size(): number {
    return this.#requests.size;
  }

  checkIntegrity(): void {
    this.#parts.scheduler.checkIntegrity();
    this.#parts.pool.checkIntegrity();
  }

  /** The device reports its errors in a later turn of the event loop: lets it speak first. */
  async #throwFault(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    const fault = this.#parts.fault();
    if (fault) throw fault;
  }

  /** Runs the plan, behind the routing of rows whose sentence begins with it. */
  async #run(plan: StepPlan) {
    const { decoder, pool } = this.#parts;
    const due = this.#routed.inStep(plan, this.#requests);
    const mostRanks = this.#routed.mostRanks(due);
    const step = buildStep(plan, this.#requests, { pool, mostRanks });
    const routing = due.length > 0 ? await this.#routed.record(due) : null;
    const output = await decoder.run(step, routing?.records ?? null);
    routing?.dispose();
    return { output, due, routed: routing ? routing.read(output.extra!) : [] };
  }

  /** Null for a request that names its mixture. */
  #routeOf({ routing }: GenerateRequest, now: number): AnswerRoute | null {
    if (!routing) return null;
    const { vocabulary } = this.#parts.desk;
    if (!vocabulary) throw noRouter();
    return new AnswerRoute(routing, vocabulary, now);
  }

  /** Tells of requests whose first chunk is in this plan. */
  #start({ prefills }: StepPlan): void {
    const now = this.#ports.now();
    for (const { sequence } of prefills) {
      const active = this.#requests.get(sequence.id)!;
      if (active.started) continue;
      active.markStarted(now);
      this.#ports.emit(sequence.id, { kind: "started", cachedTokens: sequence.numCached });
    }
  }

  #commit(plan: StepPlan, output: StepOutput): void {
    const { scheduler } = this.#parts;
    const endings = plan.prefills.filter(({ last }) => last).map(({ sequence }) => sequence);
    const sampled = [...plan.decodes, ...endings];
    const drawn = new Map(sampled.map((sequence, i) => [
      sequence,
      drawnTokens(output, {
        index: i,
        count: sampled.length,
        burst: plan.burst,
        wanted: this.#requests.get(sequence.id)?.request.sampling.logprobs ?? null,
      }),
    ]));
    // A row whose logits were no numbers drew nothing; it is committed with a stand-in and failed.
    scheduler.commit(
      plan,
      new Map(
        [...drawn].map((
          [sequence, tokens],
        ) => [sequence, tokens?.map(({ token }) => token) ?? [0]]),
      ),
    );
    const now = this.#ports.now();
    for (const [sequence, tokens] of drawn) {
      const active = this.#requests.get(sequence.id);
      if (!active) continue;
      if (!tokens) {
        const message = `Request ${sequence.id} failed: the model's logits are not numbers`;
        this.#fail(active, new WeftError("internal", message));
        continue;
      }
      const reason = active.reasonToFinish(tokens, now);
      this.#routed.read(active, tokens);
      const kept = reason ? tokens : this.#routed.takeBack(active, tokens);
      if (kept.length > 0) this.#ports.emit(sequence.id, { kind: "tokens", tokens: kept });
      if (reason) this.#finish(active, reason);
    }
  }

  #finish(active: ActiveRequest, reason: FinishReason): void {
    const timings = active.timings(this.#ports.now());
    this.#forget(active);
    this.#ports.emit(active.request.id, { kind: "finished", reason, timings });
  }

  #failAll(hopeless: readonly Hopeless[]): void {
    for (const { active, error } of hopeless) {
      if (active instanceof ActiveRequest) this.#fail(active, error);
      else this.#routed.awaited.hopeless(active);
    }
  }

  #fail(active: ActiveRequest, error: WeftError): void {
    this.#forget(active);
    this.#ports.fail(active.request.id, error);
  }

  #forget(active: ActiveRequest): void {
    this.#requests.delete(active.request.id);
    this.#parts.scheduler.finish(active.sequence);
    this.#gate.remove(active);
    this.#routed.forget(active);
  }
}
