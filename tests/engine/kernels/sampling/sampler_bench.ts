import { GREEDY, type SamplingParams } from "../../../../engine/core/generation.ts";
import {
  Logprobs,
  readLogprobs,
  ROW_STATE,
  Sample,
  SamplingBuffers,
} from "../../../../engine/kernels/sampling/mod.ts";
import { decodeStruct } from "../../../../engine/kernels/struct_layout.ts";
import { KernelSet } from "../../../../engine/kernels/variants.ts";
import type { Bench } from "../harness.ts";

export const PLAIN: SamplingParams = { ...GREEDY, temperature: 1, seed: 1 };

/** One row of a sampling test. */
export interface RowSetup {
  logits: Float32Array;
  sampling: SamplingParams;
  promptTokens?: number[];
  answerTokens?: number[];
  pauseTokens?: number[];
  drawn?: number;
  budget?: number;
  running?: boolean;
}

/** The same kernels in the workgroup size of a hardware device. */
export function asOnHardware(bench: Bench): Bench {
  const gpu = { ...bench.gpu, info: { ...bench.gpu.info, isFallback: false } };
  const { dtype, lanes } = bench.kernels;
  const subgroups = lanes === gpu.subgroupSize;
  return { ...bench, kernels: new KernelSet(gpu, dtype, { subgroups }) };
}

/** Runs `steps` draws over unchanging logits; row i sits in batch row `places[i]`. */
export class SamplerBench {
  readonly buffers: SamplingBuffers;
  readonly #bench: Bench;
  readonly #logits: GPUBuffer;
  readonly #sample: Sample;
  readonly #logprobs: Logprobs;
  #rows = 0;
  #steps = 0;

  constructor(bench: Bench, shape: { maxBatch: number; vocab: number; maxSteps: number }) {
    this.#bench = bench;
    this.buffers = new SamplingBuffers(bench.gpu, shape);
    this.#logits = bench.f32(shape.maxBatch * shape.vocab);
    const logits = { buffer: this.#logits };
    this.#sample = new Sample(bench.kernels, this.buffers, logits, bench.uniforms);
    this.#logprobs = new Logprobs(bench.kernels, this.buffers, logits, bench.uniforms);
  }

  /** Returns the tokens `[steps][rows]`. */
  async run(
    rows: readonly RowSetup[],
    options: { steps?: number; places?: readonly number[]; logprobs?: boolean } = {},
  ): Promise<number[][]> {
    const { steps = 1, places = [...rows.keys()] } = options;
    const { vocab } = this.buffers.shape;
    rows.forEach((row, i) => {
      const { promptTokens = [], answerTokens = [], pauseTokens = [] } = row;
      const { sampling } = row;
      const place = places[i];
      this.buffers.admit(place, { sampling, promptTokens, answerTokens, pauseTokens });
      this.buffers.setState(place, {
        token: 0,
        position: 100,
        drawn: row.drawn ?? answerTokens.length,
        budget: row.budget ?? 1 << 20,
        running: row.running ?? true,
      });
      this.#bench.gpu.device.queue.writeBuffer(
        this.#logits,
        i * vocab * 4,
        row.logits as Float32Array<ArrayBuffer>,
      );
    });
    this.buffers.setSampled(Uint32Array.from(places));
    for (let step = 0; step < steps; step++) {
      this.#sample.record(this.#bench.recorder, { rows: rows.length, step });
      if (options.logprobs) {
        this.#logprobs.record(this.#bench.recorder, { rows: rows.length, step });
      }
    }
    this.#rows = rows.length;
    this.#steps = steps;
    const flat = await this.#bench.readU32(this.buffers.drawn, steps * rows.length);
    return Array.from(
      { length: steps },
      (_, step) => [...flat.slice(step * rows.length, (step + 1) * rows.length)],
    );
  }

  async logprobsOf(row: number, count: number, step = 0) {
    const words = await this.#bench.readU32(
      this.buffers.logprobs,
      this.#steps * this.#rows * 42,
    );
    return readLogprobs(words.slice().buffer, step * this.#rows + row, count);
  }

  async stateOf(place: number): Promise<Record<string, number>> {
    const words = await this.#bench.readU32(
      this.buffers.states,
      this.buffers.shape.maxBatch * ROW_STATE.bytes / 4,
    );
    const bytes = new Uint8Array(words.buffer);
    return decodeStruct(ROW_STATE, bytes.subarray(place * ROW_STATE.bytes));
  }
}
