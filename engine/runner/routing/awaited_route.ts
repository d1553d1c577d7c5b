import type { ActiveRequest } from "../active_request.ts";
import type { Claimant } from "../adapter_gate.ts";
import type { DueSentence } from "./answer_route.ts";
import type { RoutedText } from "./routed_text.ts";

/**
 * A route that chose adapters which are not on the GPU. First it learns their contents, which keeps
 * their weights at hand; then it is a claimant like a request.
 */
export class AwaitedRoute implements Claimant {
  readonly routed: RoutedText;
  readonly due: DueSentence;
  /** Who waits for it; null once nobody does, and the adapters are only to be brought. */
  active: ActiveRequest | null;
  /** In milliseconds: until then it is worth waiting. */
  deadline: number;
  ready = false;
  /** Something of it can't be had. */
  failed = false;
  /** Each once; complete when nothing is unknown any more. */
  generations: readonly string[] = [];
  /** Questions for contents, by id, and whose they are among the choices. */
  readonly #asked = new Map<number, number>();
  #unanswered = 0;

  constructor(
    routed: RoutedText,
    { due, active, deadline }: {
      due: DueSentence;
      active: ActiveRequest | null;
      deadline: number;
    },
  ) {
    this.routed = routed;
    this.due = due;
    this.active = active;
    this.deadline = deadline;
  }

  /** Ids of all questions it has asked. */
  get questions(): number[] {
    return [...this.#asked.keys()];
  }

  /** Whether every choice's content is known. */
  get isKnown(): boolean {
    return this.#unanswered === 0;
  }

  /** Notes that the content of choice `index` was asked for. */
  asked(id: number, index: number): void {
    this.#asked.set(id, index);
    this.#unanswered++;
  }

  /** Takes a question's answer. */
  answered(id: number, generation: string): void {
    this.routed.choices[this.#asked.get(id)!].generation = generation;
    if (--this.#unanswered > 0) return;
    this.generations = [...new Set(this.routed.choices.map(({ generation }) => generation!))];
  }

  markReady(): void {
    this.ready = true;
  }
}
