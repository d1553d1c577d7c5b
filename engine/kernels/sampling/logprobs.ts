import type { TokenLogprob } from "../../core/generation.ts";
import type { BoundKernel, Recorder } from "../../gpu/mod.ts";
import type { KernelSet } from "../variants.ts";
import wgsl from "./logprobs.wgsl" with { type: "text" };
import { MAX_LOGPROBS } from "./row_params.ts";
import rankingWgsl from "./ranking.wgsl" with { type: "text" };
import rowsWgsl from "./rows.wgsl" with { type: "text" };
import { type SampleStep, samplingConstants } from "./sample.ts";
import type { SamplingBuffers } from "./sampling_buffers.ts";

/** Log-softmax of the raw logits at the drawn token and the likeliest, for rows that asked. */
export class Logprobs {
  readonly #bound: BoundKernel;

  /** `logits` as `Sample` takes them. */
  constructor(
    kernels: KernelSet,
    buffers: SamplingBuffers,
    logits: { buffer: GPUBuffer; stride?: number },
    uniforms: GPUBuffer,
  ) {
    const source = [rowsWgsl, rankingWgsl, wgsl].join("\n");
    const { rowParams, sampled, drawn, logprobs } = buffers;
    const { vocab } = buffers.shape;
    this.#bound = kernels.get("logprobs", source, samplingConstants(kernels.gpu))
      .bind({ logits: logits.buffer, row_params: rowParams, sampled, drawn, logprobs }, uniforms, {
        vocab,
        stride: logits.stride ?? vocab,
      });
  }

  /** Record after `Sample` of the same step. */
  record(recorder: Recorder, { rows, step, rowsPerStep = rows }: SampleStep): void {
    this.#bound.dispatch(recorder, { out_base: step * rowsPerStep }, [rows]);
  }
}

/**
 * Reads entry `index` (step * rowsPerStep + i) of a copy of the `logprobs` buffer: the drawn token's
 * log-probability and the `count` likeliest, best first. Impossible tokens have -Infinity.
 */
export function readLogprobs(
  data: ArrayBuffer,
  index: number,
  count: number,
): { drawn: TokenLogprob; top: TokenLogprob[] } {
  const view = new DataView(data, index * (1 + MAX_LOGPROBS) * 8);
  const entry = (i: number): TokenLogprob => ({
    token: view.getUint32(8 * i, true),
    logprob: view.getFloat32(8 * i + 4, true),
  });
  return { drawn: entry(0), top: Array.from({ length: count }, (_, i) => entry(1 + i)) };
}
