import type { BoundKernel, Gpu, Recorder } from "../../gpu/mod.ts";
import type { KernelSet } from "../variants.ts";
import drawWgsl from "./draw.wgsl" with { type: "text" };
import rankingWgsl from "./ranking.wgsl" with { type: "text" };
import rowsWgsl from "./rows.wgsl" with { type: "text" };
import wgsl from "./sample.wgsl" with { type: "text" };
import type { SamplingBuffers } from "./sampling_buffers.ts";

/** One step's place in the output. */
export interface SampleStep {
  /** Rows of logits. */
  rows: number;
  /** Which step of the submission this is. */
  step: number;
  /** Rows the output has per step; `rows` unless steps differ. */
  rowsPerStep?: number;
}

/**
 * Draws the next token of each row of raw logits and moves the row's state on.
 *
 * Order: repetition penalty, frequency and presence penalties, logit bias, temperature, top-k,
 * top-p, min-p, draw. The kept sets are exact with respect to the f32 logits, ties at a border
 * included; top-p compares masses rounded to 2^-40 of the likeliest token's, with the error of the
 * GPU's exp (a relative 1e-6). The draw depends on the row's logits, seed and index only.
 */
export class Sample {
  readonly #bound: BoundKernel;

  /** `logits` is f32 `[rows, stride]`, of which each row's first `vocab` count; stride = vocab unless given. */
  constructor(
    kernels: KernelSet,
    buffers: SamplingBuffers,
    logits: { buffer: GPUBuffer; stride?: number },
    uniforms: GPUBuffer,
  ) {
    const source = [rowsWgsl, rankingWgsl, drawWgsl, wgsl].join("\n");
    const kernel = kernels.get("sample", source, samplingConstants(kernels.gpu));
    const { rowParams, sampled, bias, pause, states, tally, drawn } = buffers;
    const { vocab } = buffers.shape;
    this.#bound = kernel.bind(
      {
        logits: logits.buffer,
        row_params: rowParams,
        sampled,
        bias,
        pause,
        states,
        tally,
        drawn,
      },
      uniforms,
      { vocab, stride: logits.stride ?? vocab },
    );
  }

  /** Writes `drawn[step * rowsPerStep + i]`: a token, TOKEN_NOTHING or TOKEN_FAILED. */
  record(recorder: Recorder, { rows, step, rowsPerStep = rows }: SampleStep): void {
    this.#bound.dispatch(recorder, { out_base: step * rowsPerStep }, [rows]);
  }
}

/** A software driver runs a workgroup's invocations in turn, so more than a few only cost barriers. */
export function samplingConstants(gpu: Gpu): Record<string, number> {
  return { WORKGROUP: gpu.info.isFallback ? 64 : 256 };
}
