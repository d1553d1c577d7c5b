import type { WeftError } from "../../core/errors.ts";
import type { ActiveRequest } from "../active_request.ts";
import type { AdapterGate, Claimant } from "../adapter_gate.ts";
import type { RunnerPorts } from "../ports.ts";
import type { DueSentence } from "./answer_route.ts";
import { AwaitedRoute } from "./awaited_route.ts";
import type { RoutedText } from "./routed_text.ts";

/** How long a sentence waits for adapters that were chosen for it. */
const WAIT_MS = 5_000;
/** How long adapters that nobody waits for any more may still take. */
const WISH_MS = 60_000;

/** What becomes of a sentence that waited. */
export interface Settlement {
  /** All its adapters are there and pinned: the pins are the request's from now on. */
  whole(active: ActiveRequest, awaited: AwaitedRoute): void;
  /** It goes on with those that are there. */
  partial(active: ActiveRequest, awaited: AwaitedRoute): void;
}

/** The routes whose adapters are not all on the GPU: fetched, brought there, and waited for up to a bound. */
export class AwaitedRoutes {
  readonly #gate: AdapterGate;
  readonly #ports: Pick<RunnerPorts, "acquireClass" | "releaseClass" | "now">;
  readonly #awaited = new Set<AwaitedRoute>();
  #nextQuestion = 0;

  constructor(
    gate: AdapterGate,
    ports: Pick<RunnerPorts, "acquireClass" | "releaseClass" | "now">,
  ) {
    this.#gate = gate;
    this.#ports = ports;
  }

  /** Requests that wait. */
  get waiting(): Set<ActiveRequest | null> {
    return new Set([...this.#awaited].map(({ active }) => active));
  }

  /** When something is to be done even if nothing happens until then; null: never. */
  get nextDeadline(): number | null {
    const deadlines = [...this.#awaited].map(({ deadline }) => deadline);
    return deadlines.length === 0 ? null : Math.min(...deadlines);
  }

  /** The sentence waits until all its adapters are there, or `WAIT_MS` are over. */
  wait(active: ActiveRequest, due: DueSentence, routed: RoutedText): void {
    const deadline = this.#ports.now() + WAIT_MS;
    this.#add(new AwaitedRoute(routed, { due, active, deadline }));
  }

  /** Brings what was missed onto the GPU although nobody waits for it. */
  wish({ record, choices }: RoutedText): void {
    const routed = { record, choices: choices.filter(({ isHere }) => !isHere) };
    const due = { index: 0, start: 0, since: 0 };
    const deadline = this.#ports.now() + WISH_MS;
    this.#add(new AwaitedRoute(routed, { due, active: null, deadline }));
  }

  /** Nobody needs what only this request waits for. */
  forget(active: ActiveRequest): void {
    for (const awaited of this.#awaited) {
      if (awaited.active !== active) continue;
      awaited.active = null;
      this.#drop(awaited);
    }
  }

  /** The content of a chosen adapter, or why it can't be had. */
  acquired(id: number, answer: { generation: string } | { error: WeftError }): void {
    const awaited = [...this.#awaited].find(({ questions }) => questions.includes(id));
    if (!awaited) return this.#ports.releaseClass(id);
    if ("error" in answer) {
      awaited.failed = true;
      return;
    }
    awaited.answered(id, answer.generation);
    if (awaited.isKnown) this.#gate.add(awaited);
  }

  /** True if the gate's claimant was a route; it goes on with what is there. */
  hopeless(claimant: Claimant): boolean {
    if (!(claimant instanceof AwaitedRoute)) return false;
    claimant.failed = true;
    return true;
  }

  /** Ends waits whose adapters have come, or whose time is up. */
  settle({ whole, partial }: Settlement): void {
    const now = this.#ports.now();
    for (const awaited of this.#awaited) {
      const { active, ready, failed } = awaited;
      const isOver = failed || now >= awaited.deadline;
      if (ready && active) {
        this.#drop(awaited);
        whole(active, awaited);
      } else if (active && isOver) {
        partial(active, awaited);
        awaited.active = null;
        awaited.deadline = now + WISH_MS;
        if (failed) this.#drop(awaited);
      } else if (ready || (isOver && !active)) {
        this.#drop(awaited);
      }
    }
  }

  #add(awaited: AwaitedRoute): void {
    this.#awaited.add(awaited);
    awaited.routed.choices.forEach(({ label }, index) => {
      const id = this.#nextQuestion++;
      awaited.asked(id, index);
      this.#ports.acquireClass(id, label);
    });
  }

  /** Gives back what it holds, but for pins that go over to its request. */
  #drop(awaited: AwaitedRoute): void {
    this.#awaited.delete(awaited);
    for (const id of awaited.questions) this.#ports.releaseClass(id);
    const goesOver = awaited.ready && awaited.active !== null;
    if (awaited.isKnown && !goesOver) this.#gate.remove(awaited);
  }
}
