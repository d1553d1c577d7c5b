import { messageOf } from "../../engine/core/errors.ts";
import type { EngineRouter } from "../../engine/core/engine.ts";
import type { ClassTarget, PrototypeFit } from "../../engine/core/router.ts";
import type { RoutableAdapter } from "../types.ts";

/** What the binding needs to know of the adapters. */
export interface BindableAdapters {
  routable(name: string): RoutableAdapter | undefined;
  withExamples(): Iterable<string>;
  watch(listener: (kind: "changed" | "removed") => void): () => void;
}

export interface ClassBindingOptions {
  router: Pick<EngineRouter, "info" | "setClasses" | "setPrototype" | "removePrototype">;
  adapters: BindableAdapters;
  /** The last `maxTokens` tokens of a text, as a router sees it. */
  encode(text: string, maxTokens: number): Uint32Array;
  /** For the log: a name's examples make no class. */
  onProblem(name: string, message: string): void;
}

/** How the router can come to choose an adapter. */
export type AdapterRouting =
  | { kind: "class" }
  | ({ kind: "prototype" } & PrototypeFit)
  /** `problem`: why its examples make no class. */
  | { kind: "none"; problem?: string };

/** What a name's examples came to, with the router in place. */
interface Bound {
  examples: readonly string[];
  routing: Exclude<AdapterRouting, { kind: "class" }>;
}

/**
 * Keeps the router's classes in step with the adapters' names: on where the name stands for something, made from
 * examples where it has any. What changes within a turn of the event loop is bound together; a class whose name
 * was removed is off at once.
 */
export class ClassBinding {
  readonly #options: ClassBindingOptions;
  readonly #unwatch: () => void;
  readonly #bound = new Map<string, Bound>();
  /** The router's own labels. */
  #own: ReadonlySet<string> = new Set();
  /** Counts routers: what was begun for an earlier one says nothing of this. */
  #router = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isDue = false;
  #running: Promise<void> | null = null;
  #isClosed = false;

  constructor(options: ClassBindingOptions) {
    this.#options = options;
    this.#unwatch = options.adapters.watch((kind) => {
      if (options.router.info === null) return;
      if (kind === "removed") this.#dropRemoved();
      this.#timer ??= setTimeout(() => this.#bind(), 0);
    });
    this.routerChanged();
  }

  /** Another router is in place, or none: its classes are off and it has no prototypes. */
  routerChanged(): void {
    this.#router++;
    this.#bound.clear();
    this.#own = new Set(this.#options.router.info?.labels);
    this.#bind();
  }

  routingOf(name: string): AdapterRouting {
    if (this.#options.router.info === null) return { kind: "none" };
    if (this.#own.has(name)) {
      return { kind: this.#options.adapters.routable(name) ? "class" : "none" };
    }
    return this.#bound.get(name)?.routing ?? { kind: "none" };
  }

  /** Resolves once what has happened so far is bound. */
  async settled(): Promise<void> {
    if (this.#timer !== undefined) this.#bind();
    while (this.#running !== null) await this.#running;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#unwatch();
    clearTimeout(this.#timer);
    await this.#running;
  }

  #bind(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#isClosed || this.#options.router.info === null) return;
    this.#setClasses();
    this.#isDue = true;
    this.#run();
  }

  #run(): void {
    this.#running ??= this.#bindAll().finally(() => {
      this.#running = null;
      if (this.#isDue && !this.#isClosed) this.#run();
    });
  }

  async #bindAll(): Promise<void> {
    while (this.#isDue && !this.#isClosed) {
      this.#isDue = false;
      this.#dropRemoved();
      for (const name of [...this.#options.adapters.withExamples()]) {
        const examples = this.#examplesOf(name);
        if (examples === null || this.#bound.get(name)?.examples === examples) continue;
        await this.#bindExamples(name, examples);
        if (this.#isClosed || this.#options.router.info === null) return;
      }
    }
  }

  async #bindExamples(name: string, examples: readonly string[]): Promise<void> {
    const { router, encode, onProblem } = this.#options;
    const number = this.#router;
    const { maxTokens } = router.info!;
    let routing: Bound["routing"];
    try {
      const texts = examples.map((text) => encode(text, maxTokens));
      routing = { kind: "prototype", ...await router.setPrototype(name, texts) };
    } catch (error) {
      routing = { kind: "none", problem: messageOf(error) };
    }
    if (number !== this.#router || this.#isClosed) return;
    if (routing.kind === "none") onProblem(name, routing.problem!);
    this.#bound.set(name, { examples, routing });
    this.#dropRemoved();
    this.#setClasses();
  }

  /** Null for a class of the router's own, which needs none. */
  #examplesOf(name: string): readonly string[] | null {
    if (this.#own.has(name)) return null;
    return this.#options.adapters.routable(name)?.examples ?? null;
  }

  #dropRemoved(): void {
    for (const [name, { routing }] of this.#bound) {
      if (this.#examplesOf(name) !== null) continue;
      this.#bound.delete(name);
      if (routing.kind === "prototype") this.#options.router.removePrototype(name);
    }
    this.#setClasses();
  }

  #setClasses(): void {
    const { router, adapters } = this.#options;
    if (router.info === null) return;
    const made = [...this.#bound].filter(([, { routing }]) => routing.kind === "prototype")
      .map(([name]) => name);
    router.setClasses([...this.#own, ...made].flatMap((label): ClassTarget[] => {
      const adapter = adapters.routable(label);
      return adapter ? [{ label, generation: adapter.generation }] : [];
    }));
  }
}
