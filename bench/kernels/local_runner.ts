import { cutPart } from "../../engine/core/adapter_part.ts";
import { GREEDY, type Mixture } from "../../engine/core/generation.ts";
import type { DeviceTuning } from "../../engine/core/tuning.ts";
import type { SizingOptions } from "../../engine/runner/sizing.ts";
import { type OpenRunner, openRunner } from "../../engine/runner/open_runner.ts";
import { randomAdapter } from "../engine/adapters.ts";
import { promptOf } from "../engine/batch.ts";

/** A runner in this thread, so that what a step calls can be watched. */
export class LocalRunner {
  readonly opened: OpenRunner;
  readonly #drawn: Map<string, number>;
  #nextId = 0;

  private constructor(opened: OpenRunner, drawn: Map<string, number>) {
    this.opened = opened;
    this.#drawn = drawn;
  }

  /** Adapters are random, their generation is their rank and a number: `16-3`. */
  static async open(
    modelDirectory: string,
    { dtype = "f16", tunings, ...sizing }: SizingOptions & {
      dtype?: "f16" | "f32";
      tunings?: readonly DeviceTuning[];
    } = {},
  ): Promise<LocalRunner> {
    const drawn = new Map<string, number>();
    const opened: OpenRunner = await openRunner({
      modelDirectory,
      dtype,
      sizing,
      tunings,
      maxQueuedRequests: 1000,
      maxQueuedTokens: 1e6,
      prefixCache: false,
    }, {
      now: () => performance.now(),
      wake: () => {},
      emit: (id, event) => {
        if (event.kind === "tokens") drawn.set(id, drawn.get(id)! + event.tokens.length);
      },
      fail: (_, error) => {
        throw error;
      },
      held: () => {},
      acquireClass: () => {},
      releaseClass: () => {},
      requestAdapter: ({ generation, from }) =>
        queueMicrotask(() => {
          const rank = Number(generation.split("-")[0]);
          const weights = randomAdapter(opened.config, { generation, rank });
          opened.runner.adapterArrived(cutPart(weights, { from }));
        }),
    });
    return new LocalRunner(opened, drawn);
  }

  /** Ends what runs and starts so many rows; returns once all of them decode. */
  async fill(
    rows: number,
    { promptTokens = 64, maxTokens, mixture = () => [] }: {
      promptTokens?: number;
      maxTokens: number;
      mixture?: (i: number) => Mixture;
    },
  ): Promise<void> {
    this.clear();
    for (let i = 0; i < rows; i++) {
      const id = `row ${this.#nextId++}`;
      this.#drawn.set(id, 0);
      this.opened.runner.submit({
        id,
        promptTokens: promptOf(promptTokens, { row: i, salt: this.#nextId * 1009 }),
        maxTokens,
        mixture: mixture(i),
        sampling: GREEDY,
        stopTokens: [],
        pauseTokens: [],
      });
    }
    while ([...this.#drawn.values()].some((tokens) => tokens === 0)) await this.step();
    // The step behind the last prompt's may still be of another kind.
    await this.step();
  }

  /** Ends what runs. */
  clear(): void {
    for (const id of this.#drawn.keys()) this.opened.runner.abort(id);
    this.#drawn.clear();
  }

  /** Tokens of all rows so far. */
  get drawn(): number {
    return [...this.#drawn.values()].reduce((sum, tokens) => sum + tokens, 0);
  }

  async step(): Promise<void> {
    await this.opened.runner.step();
    await new Promise((resolve) => setImmediate(resolve));
  }

  async close(): Promise<void> {
    this.clear();
    await this.opened.close();
  }
}
