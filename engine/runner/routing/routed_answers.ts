import type { WeftError } from "../../core/errors.ts";
import type { GeneratedToken } from "../../core/generation.ts";
import { MAX_ROUTED_ROWS, type RouteRecord } from "../../kernels/mod.ts";
import type { Scheduler, StepPlan } from "../../scheduler/mod.ts";
import type { ActiveRequest } from "../active_request.ts";
import type { AdapterGate } from "../adapter_gate.ts";
import type { AdapterPool, RunnerPorts } from "../ports.ts";
import type { DueSentence } from "./answer_route.ts";
import type { AwaitedRoute } from "./awaited_route.ts";
import { AwaitedRoutes } from "./awaited_routes.ts";
import { applied, mixtureOf, renormalised } from "./chosen_adapters.ts";
import type { RouteDesk } from "./route_desk.ts";
import { type ChosenAdapter, noRouter, notNumbers, type RoutedText } from "./routed_text.ts";
import type { RunOutput } from "./router_runs.ts";

/** What routing works with. */
export interface RoutedAnswersParts {
  scheduler: Scheduler;
  desk: RouteDesk;
  gate: AdapterGate;
  pool: AdapterPool;
  ports: RunnerPorts;
  /** Ends a request with an error. */
  fail: (active: ActiveRequest, error: WeftError) => void;
}

/**
 * Takes the sentences of routed answers from "due" to a mixture in force. A prompt is routed before it
 * is scheduled. A later sentence is routed in the very step that feeds its first token: the GPU writes
 * the mixture, and the host learns of it with the tokens. Where a sentence can't be routed so (what was
 * computed is to be computed anew, or the row was preempted) it is routed before the step.
 */
export class RoutedAnswers {
  readonly #parts: RoutedAnswersParts;
  readonly #answers = new Set<ActiveRequest>();
  readonly awaited: AwaitedRoutes;
  /** Rows of the step in flight that draw nothing, as they miss adapters. */
  readonly #stopped: { active: ActiveRequest; routed: RoutedText }[] = [];
  readonly counts = { routes: 0, abstentions: 0, misses: 0 };

  constructor(parts: RoutedAnswersParts) {
    this.#parts = parts;
    this.awaited = new AwaitedRoutes(parts.gate, parts.ports);
  }

  add(active: ActiveRequest): void {
    if (active.route) this.#answers.add(active);
  }

  /** Call when a request ends. */
  forget(active: ActiveRequest): void {
    if (!this.#answers.delete(active)) return;
    for (const generations of active.pins.splice(0)) this.#parts.gate.unpin(generations);
    this.awaited.forget(active);
  }

  /** Whether its prompt and what was generated so far have all their mixtures. */
  mayRun(active: ActiveRequest): boolean {
    return !active.route?.due;
  }

  /** Puts routes in force whose adapters have come, or whose time is up. */
  settleAwaited(): void {
    this.awaited.settle({
      whole: (active, awaited) => {
        active.pins.push(awaited.generations);
        this.#putInForce(active, awaited, awaited.routed.choices);
      },
      partial: (active, awaited) => this.#settleWithout(active, awaited),
    });
  }

  /** Routes what can't be routed within a step; true if there was anything. */
  async ask(): Promise<boolean> {
    const { waiting } = this.awaited;
    const open = [...this.#answers].filter((active) => active.route!.due && !waiting.has(active));
    const inStep = new Set(open.filter(isForStep).slice(0, MAX_ROUTED_ROWS));
    const due = open.filter((active) => !inStep.has(active));
    if (due.length === 0) return false;
    if (this.#parts.desk.info === null) {
      due.forEach((active) => this.#withoutRouter(active));
      return true;
    }
    const routed = await this.#parts.desk.ask(due.map((active) => this.#inquiry(active, null)));
    due.forEach((active, i) => {
      if (this.#answers.has(active)) this.#decide(active, routed[i]);
    });
    return true;
  }

  /** Those of a plan that are routed in its step. */
  inStep(plan: StepPlan, requests: ReadonlyMap<string, ActiveRequest>): ActiveRequest[] {
    const due = plan.decodes.map(({ id }) => requests.get(id)!)
      .filter((active) => active.route?.due);
    if (due.length > 0 && this.#parts.desk.info === null) {
      due.forEach((active) => active.route!.settle());
      return [];
    }
    return due;
  }

  /** Puts the routing of these rows before the step; to be read with it and given to `afterStep`. */
  record(due: readonly ActiveRequest[]): Promise<RunOutput> {
    return this.#parts.desk.record(
      due.map((active) => this.#inquiry(active, active.sequence.row)),
    );
  }

  /** Learns what the GPU did with rows, before the step is committed. */
  afterStep(due: readonly ActiveRequest[], routed: readonly RoutedText[]): void {
    due.forEach((active, i) => {
      if (!this.#answers.has(active)) return;
      const { record, choices } = routed[i];
      if (record.stopped) return this.#stopped.push({ active, routed: routed[i] });
      if (record.failed) return this.#fail(active);
      this.#count(record);
      const here = applied(choices, record.applied!.map(({ weight }) => weight));
      if (!this.#pin(active, here, { overtake: true })) {
        throw new Error(`request ${active.request.id} was given adapters that left the GPU`);
      }
      if (here.length < choices.length) this.awaited.wish(routed[i]);
      const mixture = mixtureOf(here);
      const key = active.addMixture(mixture);
      this.#parts.scheduler.nameMixture(active.sequence, key);
      active.rowMixture = mixture;
      this.#tell(active, { due: active.route!.due!, record, choices, here });
    });
  }

  /** Rows that the GPU stopped wait for their adapters; call once the step is committed. */
  afterCommit(): void {
    for (const { active, routed } of this.#stopped.splice(0)) {
      if (this.#answers.has(active)) this.#decide(active, routed);
    }
  }

  /** Takes the tokens that an answer has got. */
  read(active: ActiveRequest, tokens: readonly GeneratedToken[]): void {
    const { route, sequence } = active;
    if (!route) return;
    route.read(tokens, sequence.numGenerated - tokens.length, this.#parts.ports.now());
    this.#parts.scheduler.setPace(sequence, route.pace);
  }

  /** Takes back the token that made a sentence due, if it is to be drawn again; returns what stays. */
  takeBack(active: ActiveRequest, tokens: GeneratedToken[]): GeneratedToken[] {
    const { route, sequence, request } = active;
    const last = tokens.at(-1);
    if (!last || !route?.redraws || route.due!.start !== sequence.numGenerated - 1) return tokens;
    this.#parts.scheduler.rewind(sequence);
    // The row's counts of drawn tokens know the one taken back.
    active.rowAdmission = 0;
    route.takeBack(last.token, sequence.tokens.subarray(request.promptTokens.length));
    this.#parts.scheduler.setPace(sequence, route.pace);
    return tokens.slice(0, -1);
  }

  /** The most ranks that a row routed in a step may get: those of the largest that are here. */
  mostRanks(due: readonly ActiveRequest[]): number {
    if (due.length === 0) return 0;
    const { desk, pool } = this.#parts;
    const ranks = desk.classes
      .map((target) => target?.generation ?? null)
      .filter((generation) => generation !== null && pool.has(generation))
      .map((generation) => pool.header(generation!)!.maxRank)
      .sort((a, b) => b - a);
    const most = Math.max(...due.map(({ route }) => route!.options.maxAdapters));
    return ranks.slice(0, most).reduce((sum, rank) => sum + rank, 0);
  }

  #inquiry(active: ActiveRequest, row: number | null) {
    const { request, sequence, route } = active;
    const { maxTokens } = this.#parts.desk.info!;
    const answer = sequence.tokens.subarray(request.promptTokens.length);
    const { options, inForce } = route!;
    return { text: route!.routerText(answer, maxTokens), options, inForce, row };
  }

  /** What the router said of a sentence that is not in force yet. */
  #decide(active: ActiveRequest, routed: RoutedText): void {
    const { record, choices } = routed;
    const { ports } = this.#parts;
    if (record.failed) return this.#fail(active);
    this.#count(record);
    const due = active.route!.due!;
    if (due.index === 0) active.markRouted(ports.now());
    const here = choices.filter(({ isHere }) => isHere);
    const isComplete = here.length === choices.length;
    const overtake = due.index > 0;
    if (isComplete || active.route!.options.onMiss === "renormalise") {
      if (this.#pin(active, here, { overtake })) {
        if (!isComplete) this.awaited.wish(routed);
        return this.#putInForce(active, { due, routed }, here);
      }
    }
    if (active.sequence.state === "running") this.#parts.scheduler.hold(active.sequence);
    this.awaited.wait(active, due, routed);
  }

  /** The time is up: the adapters that are here take the others' weight. */
  #settleWithout(active: ActiveRequest, awaited: AwaitedRoute): void {
    const { pool } = this.#parts;
    const here = awaited.routed.choices.filter(({ generation }) =>
      generation !== null && pool.has(generation)
    );
    const pinned = this.#pin(active, here, { overtake: true });
    this.#putInForce(active, awaited, pinned ? here : []);
  }

  /** The mixture of a sentence, all of whose adapters are pinned, from the next step on. */
  #putInForce(
    active: ActiveRequest,
    { due, routed }: { due: DueSentence; routed: RoutedText },
    present: readonly ChosenAdapter[],
  ): void {
    const { scheduler, ports } = this.#parts;
    const { sequence, route } = active;
    const { choices, record } = routed;
    const here = renormalised(present, choices.length);
    const key = active.addMixture(mixtureOf(here));
    const from = due.index === 0 ? 0 : sequence.length - 1;
    const isChange = sequence.segments.length > 1 || sequence.segments[0].mixtureKey !== key;
    if (isChange) scheduler.changeMixture(sequence, { key, from, policy: route!.options.kvPolicy });
    if (due.index === 0) active.markReady(ports.now());
    else scheduler.resume(sequence);
    this.#tell(active, { due, record, choices, here });
  }

  /** Tells the client, and ends the wait. */
  #tell(
    active: ActiveRequest,
    { due, record, choices, here }: {
      due: DueSentence;
      record: RouteRecord;
      choices: readonly ChosenAdapter[];
      here: readonly ChosenAdapter[];
    },
  ): void {
    const { ports, desk } = this.#parts;
    const route = active.route!;
    const labels = new Set(here.map(({ label }) => label));
    route.inForce = here;
    route.settle();
    ports.emit(active.request.id, {
      kind: "routed",
      sentence: {
        index: due.index,
        start: due.start,
        adapters: here.map(({ label, generation, weight }) => ({
          label,
          generation: generation!,
          weight,
        })),
        missed: choices.filter(({ label }) => !labels.has(label)).map(({ label }) => label),
        confidence: record.confidence,
        entropy: record.entropy,
        abstained: record.abstained,
        kept: record.kept,
        router: desk.info?.generation ?? "",
        ms: ports.now() - due.since,
      },
    });
  }

  #pin(
    active: ActiveRequest,
    here: readonly ChosenAdapter[],
    options: { overtake: boolean },
  ): boolean {
    const generations = [...new Set(here.map(({ generation }) => generation!))];
    if (generations.length === 0) return true;
    if (!this.#parts.gate.pin(generations, options)) return false;
    active.pins.push(generations);
    return true;
  }

  #withoutRouter(active: ActiveRequest): void {
    // What is running keeps the mixture that it has.
    if (active.route!.due!.index > 0) active.route!.settle();
    else this.#parts.fail(active, noRouter());
  }

  #fail(active: ActiveRequest): void {
    this.#parts.fail(active, notNumbers());
  }

  #count({ abstained, missed }: RouteRecord): void {
    this.counts.routes++;
    if (abstained) this.counts.abstentions++;
    if (missed) this.counts.misses++;
  }
}

/** Whether the sentence is routed in the step that feeds its first token. */
function isForStep({ sequence, route }: ActiveRequest): boolean {
  return sequence.phase === "decode" && route!.options.kvPolicy === "carry";
}
