import { readTunings } from "../../engine/tuning_file.ts";
import { DEMO } from "../demo_model.ts";
import { TUNING_FILE } from "../engine/open_engine.ts";
import { shapeDirectory } from "../shapes/shape_files.ts";
import type { Shape } from "../shapes/shapes.ts";
import { type Dispatch, GpuCalls } from "./gpu_calls.ts";
import type { StepFacts } from "./kernel_costs.ts";
import { type Limits, measureLimits } from "./limits.ts";
import { LocalRunner } from "./local_runner.ts";
import { secondsEach } from "./seconds_each.ts";
import { dispatchesPerLayer, kernelsOf, replay, type StepKernel, wears } from "./step_kernels.ts";
import { type Wall, wallOf } from "./wall.ts";

const ANSWER_TOKENS = 1500;
/** Repetitions of what draws tokens: together well below an answer's. */
const MOST_DRAWS = 64;

/** What a step does. */
export type Work =
  | { name: string; kind: "decode"; rows: number; rank?: number; isCountedOnly?: boolean }
  | { name: string; kind: "prefill"; tokens: number };

export interface KernelBenchOptions {
  /** Each kernel is repeated until it takes so long. */
  leastMs: number;
  /** Of rows that decode. */
  promptTokens: number;
  /** Submissions whose wall time is taken. */
  steps: number;
}

export interface Captured {
  kernels: { name: string; us: number; ofLimit: number | null }[];
  step: {
    /** Of a token's step: a submission draws several. */
    dispatches: number;
    dispatchesPerLayer: number;
    /** Milliseconds of the device for a token's step; null where dispatches are only counted. */
    deviceMs: number | null;
    /** Of decoding only; the time is a token's, the gaps are between submissions. */
    wall: Wall | null;
  };
}

/** Captures the dispatches of a step and times them. */
export class KernelBench {
  readonly #runner: LocalRunner;
  readonly #calls: GpuCalls;
  readonly #limits: Limits;
  readonly #options: KernelBenchOptions;

  private constructor(
    runner: LocalRunner,
    parts: {
      calls: GpuCalls;
      limits: Limits;
      options: KernelBenchOptions;
    },
  ) {
    this.#runner = runner;
    this.#calls = parts.calls;
    this.#limits = parts.limits;
    this.#options = parts.options;
  }

  /** @param shape Null: the demo pack. */
  static async open(shape: Shape | null, options: KernelBenchOptions): Promise<KernelBench> {
    const limits = await measureLimits(options.leastMs);
    const directory = shape ? await shapeDirectory(shape) : DEMO;
    const calls = new GpuCalls();
    const runner = await LocalRunner.open(directory, {
      maxBatch: 8,
      maxModelLen: 2048,
      maxPrefillTokens: 512,
      tunings: await readTunings(TUNING_FILE),
    });
    return new KernelBench(runner, { calls, limits, options });
  }

  async measure(work: Work): Promise<Captured> {
    const { burst, facts } = work.kind === "decode"
      ? await this.#captureDecode(work.rows, work.rank ?? 0)
      : await this.#capturePrefill(work.tokens);
    const { dispatches } = this.#calls;
    const timed = () => this.#measure(work, { dispatches, burst, facts });
    return await this.#calls.unwatched(timed);
  }

  async close(): Promise<void> {
    this.#calls[Symbol.dispose]();
    await this.#runner.close();
  }

  async #measure(
    work: Work,
    { dispatches, burst, facts }: {
      dispatches: readonly Dispatch[];
      burst: number;
      facts: StepFacts;
    },
  ): Promise<Captured> {
    const kernels = kernelsOf(dispatches, { facts, burst });
    const counts = {
      dispatches: dispatches.length / burst,
      dispatchesPerLayer: dispatchesPerLayer(kernels, { layers: facts.config.numLayers, burst }),
    };
    if (work.kind === "decode" && work.isCountedOnly) {
      return { kernels: [], step: { ...counts, deviceMs: null, wall: null } };
    }
    const device = this.#calls.device!;
    // Other steps first, and rows anew behind them: what draws wears out rows, be it run or replayed.
    const wall = work.kind === "decode"
      ? await wallOf(this.#runner, this.#options.steps, dispatches.length)
      : null;
    if (work.kind === "decode") await this.#fill(work.rows, work.rank ?? 0);
    const seconds = await secondsEach(device, (pass) => replay(pass, dispatches), {
      leastMs: this.#options.leastMs,
      most: MOST_DRAWS / burst,
    });
    const timed = [];
    for (const kernel of kernels) timed.push(await this.#time(device, kernel));
    return {
      kernels: timed,
      step: {
        ...counts,
        deviceMs: 1000 * seconds / burst,
        wall: wall && { ...wall, ms: wall.ms / burst },
      },
    };
  }

  async #captureDecode(
    rows: number,
    rank: number,
  ): Promise<{ burst: number; facts: StepFacts }> {
    await this.#fill(rows, rank);
    const before = this.#runner.drawn;
    this.#calls.reset();
    await this.#runner.step();
    const burst = (this.#runner.drawn - before) / rows;
    return {
      burst,
      facts: this.#facts({
        tokens: rows,
        rows,
        rank,
        contextLength: this.#options.promptTokens,
      }),
    };
  }

  /** Rows that decode, at the beginning of their answers. */
  async #fill(rows: number, rank: number): Promise<void> {
    await this.#runner.fill(rows, {
      promptTokens: this.#options.promptTokens,
      maxTokens: ANSWER_TOKENS,
      mixture: (i) => rank > 0 ? [{ generation: `${rank}-${i}`, weight: 1 }] : [],
    });
  }

  async #capturePrefill(tokens: number): Promise<{ burst: number; facts: StepFacts }> {
    this.#runner.clear();
    this.#calls.reset();
    await this.#runner.fill(1, { promptTokens: tokens, maxTokens: 1 });
    const facts = this.#facts({ tokens, rows: 1, rank: 0, contextLength: tokens / 2 });
    return { burst: 1, facts };
  }

  #facts(
    { tokens, rows, rank, contextLength }: {
      tokens: number;
      rows: number;
      rank: number;
      contextLength: number;
    },
  ): StepFacts {
    const { config, dtype } = this.#runner.opened;
    const elementBytes = dtype === "f16" ? 2 : 4;
    return { config, elementBytes, tokens, rows, rankTotal: rank, contextLength };
  }

  async #time(
    device: GPUDevice,
    kernel: StepKernel,
  ): Promise<{ name: string; us: number; ofLimit: number | null }> {
    const { name, dispatches, times, cost } = kernel;
    const seconds = await secondsEach(device, (pass) => replay(pass, dispatches), {
      leastMs: this.#options.leastMs,
      most: wears(kernel) ? MOST_DRAWS / times : undefined,
    });
    const { streamBytes, fmaFlops } = this.#limits;
    const best = cost && Math.max(cost.bytes / streamBytes, cost.flops / fmaFlops);
    return {
      name,
      us: 1e6 * seconds / times,
      ofLimit: best === null || seconds === 0 ? null : best / seconds,
    };
  }
}
