import { type Gpu, Readback, type ReadPart, type Recorder } from "../gpu/mod.ts";
import {
  Feed,
  FewTokenLinear,
  type KvCache,
  Logprobs,
  MAX_LOGPROBS,
  RmsNorm,
  rotationTable,
  Sample,
  SamplingBuffers,
} from "../kernels/mod.ts";
import { DecoderStack } from "./decoder_stack.ts";
import type { StackParts } from "./stack_parts.ts";
import { type RecordedStep, StepAhead } from "./step_ahead.ts";
import { createStepBuffers, type StepBuffers, type StepShape } from "./step_buffers.ts";
import type { StepInput } from "./step_input.ts";

/** Something on the GPU that is to be read with a step's results. */
export interface StepExtra {
  buffer: GPUBuffer;
  bytes: number;
}

/** What a submission drew: entry `step * sampled + i`; see TOKEN_NOTHING and TOKEN_FAILED. */
export interface StepOutput {
  drawn: Uint32Array;
  /** For `readLogprobs`, when asked for. */
  logprobs: ArrayBuffer | null;
  /** When asked for. */
  extra: ArrayBuffer | null;
}

export interface DecoderOptions extends Omit<StackParts, "buffers" | "caches" | "rotation"> {
  recorder: Recorder;
  /** KV blocks of 16 tokens. */
  numBlocks: number;
  maxBurst: number;
  /** Bytes of an extra at most. */
  maxExtraBytes: number;
}

/** The batch row of tokens that kernels pass over. */
const NOBODY = 0xffffffff;

/** A step over tokens that are no one's, so that its kernels are compiled. */
interface WarmUp {
  promptTokens: number;
  rows: number;
  rankTotal: number;
}

/** Prompts have kernels by their length, rows that decode by their number; and others with adapters. */
function warmUps(promptSizes: readonly number[], shape: StepShape): WarmUp[] {
  const prompts = promptSizes.filter((tokens) => tokens <= shape.maxPrefillTokens)
    .flatMap((promptTokens) => [1, 0].map((rankTotal) => ({ promptTokens, rows: 0, rankTotal })));
  const decodes = [1, 2, 4, 8].filter((rows) => rows <= shape.maxBatch)
    .flatMap((rows) => [1, 0].map((rankTotal) => ({ promptTokens: 0, rows, rankTotal })));
  return [...prompts, ...decodes];
}

/** The whole model on the GPU: runs steps, from token ids to drawn tokens. */
export class Decoder {
  readonly sampling: SamplingBuffers;
  readonly #gpu: Gpu;
  readonly #recorder: Recorder;
  readonly #readback: Readback;
  readonly #buffers: StepBuffers;
  readonly #shape: StepShape;
  readonly #stacks: { prefill: DecoderStack; decode: DecoderStack };
  readonly #feed: Feed;
  readonly #finalNorm: { prefill: RmsNorm; decode: RmsNorm };
  readonly #head: FewTokenLinear;
  readonly #sample: Sample;
  readonly #logprobs: Logprobs;
  readonly #ahead: StepAhead;
  readonly #coldPasses: WarmUp[];

  private constructor(options: DecoderOptions, parts: StackParts, readback: Readback) {
    const { kernels, config, weights, uniforms, shape, maxBurst } = options;
    const { buffers } = parts;
    this.#gpu = kernels.gpu;
    this.#recorder = options.recorder;
    this.#readback = readback;
    this.#buffers = buffers;
    this.#shape = shape;
    this.#ahead = new StepAhead({ burst: maxBurst, maxModelLen: shape.maxModelLen });
    this.#coldPasses = warmUps(options.products.promptSizes, shape);
    this.sampling = new SamplingBuffers(kernels.gpu, {
      maxBatch: shape.maxBatch,
      vocab: config.vocabSize,
      maxSteps: maxBurst,
    });
    this.#stacks = {
      prefill: new DecoderStack("prefill", parts),
      decode: new DecoderStack("decode", parts),
    };
    const { tokens, positions, rows } = buffers.decode;
    this.#feed = new Feed(kernels, { sampling: this.sampling, tokens, positions, rows }, {
      uniforms,
    });
    const norm = (indices?: GPUBuffer) =>
      new RmsNorm(kernels, {
        x: buffers.stream.buffer,
        weight: weights.finalNorm,
        y: buffers.final,
        indices,
      }, { width: config.hiddenSize, eps: config.rmsNormEps, uniforms });
    this.#finalNorm = { prefill: norm(buffers.picks), decode: norm() };
    this.#head = new FewTokenLinear(kernels, {
      x: buffers.final,
      weight: weights.head,
      y: buffers.logits,
    }, { uniforms, share: options.products.of(weights.head).share });
    const logits = { buffer: buffers.logits };
    this.#sample = new Sample(kernels, this.sampling, logits, uniforms);
    this.#logprobs = new Logprobs(kernels, this.sampling, logits, uniforms);
  }

  static async create(options: DecoderOptions): Promise<Decoder> {
    const { kernels, config, shape, numBlocks, maxBurst } = options;
    const { gpu } = kernels;
    const cacheBytes = numBlocks * config.numKvHeads * 16 * config.headDim * kernels.weightBytes;
    const caches: KvCache[] = options.weights.layers.map((_, layer) => ({
      k: gpu.buffers.storage(`keys ${layer}`, cacheBytes),
      v: gpu.buffers.storage(`values ${layer}`, cacheBytes),
    }));
    const parts: StackParts = {
      ...options,
      caches,
      buffers: createStepBuffers(gpu, config, shape),
      rotation: gpu.buffers.from("rotation", rotationTable(config, shape.maxModelLen)),
    };
    const perRow = 4 + (1 + MAX_LOGPROBS) * 8;
    const readback = await Readback.open(
      gpu,
      maxBurst * shape.maxBatch * perRow + options.maxExtraBytes,
    );
    return new Decoder(options, parts, readback);
  }

  /** Sets a row's block table. */
  writeBlockTable(row: number, blocks: Uint32Array<ArrayBuffer>): void {
    const offset = 4 * row * this.#shape.maxBlocks;
    this.#gpu.device.queue.writeBuffer(this.#buffers.decode.blockTables, offset, blocks);
  }

  /**
   * Runs one submission, behind what the recorder already holds. Row states, tables and mixtures must have
   * been written, or recorded, before.
   */
  async run(input: StepInput, extra: StepExtra | null = null): Promise<StepOutput> {
    const ahead = this.#ahead.take(input);
    const usable = this.#recorder.isEmpty && !extra ? ahead : null;
    const step = usable ?? await this.#record(input, extra);
    this.#upload(input);
    step.submission.submit();
    const next = this.#ahead.after(input);
    if (next) this.#ahead.keep(next, await this.#record(next, null));
    if (!step.staged) return { drawn: new Uint32Array(0), logprobs: null, extra: null };
    const read = await step.staged.read();
    return {
      drawn: new Uint32Array(read[0]),
      logprobs: input.logprobs ? read[1] : null,
      extra: extra ? read.at(-1)! : null,
    };
  }

  async #record(input: StepInput, extra: StepExtra | null): Promise<RecordedStep> {
    const { prefill, decode, sampled, picks, burst } = input;
    const recorder = this.#recorder;
    if (prefill.tokens > 0) {
      this.#stacks.prefill.record(recorder, prefill);
      this.#finalNorm.prefill.record(recorder, picks.length, decode.tokens);
    }
    for (let step = 0; step < burst; step++) {
      if (decode.tokens > 0) {
        this.#feed.record(recorder, decode.tokens);
        this.#stacks.decode.record(recorder, decode);
        this.#finalNorm.decode.record(recorder, decode.tokens);
      }
      this.#head.record(recorder, { tokens: sampled.length });
      const place = { rows: sampled.length, step };
      this.#sample.record(recorder, place);
      if (input.logprobs) this.#logprobs.record(recorder, place);
    }
    const count = burst * sampled.length;
    const parts: ReadPart[] = [{ buffer: this.sampling.drawn, bytes: 4 * count }];
    if (input.logprobs) {
      parts.push({ buffer: this.sampling.logprobs, bytes: count * (1 + MAX_LOGPROBS) * 8 });
    }
    if (extra) parts.push(extra);
    const staged = count > 0 ? await this.#readback.stage(recorder, parts) : null;
    return { submission: recorder.finish(), staged };
  }

  /** For how many rows `warmUp` compiles next; null once there is nothing left. */
  get nextWarmUp(): number | null {
    return this.#coldPasses[0]?.rows ?? null;
  }

  /**
   * Runs the next kernel variants once, over tokens that are no one's, so that drivers compile them
   * now and not during a request.
   */
  async warmUp(): Promise<void> {
    const { rows, rankTotal, promptTokens } = this.#coldPasses.shift()!;
    const idle = (tokens: number) => ({ tokens, contextLength: 1, rankTotal });
    await this.run({
      prefill: {
        ...idle(promptTokens),
        ids: new Uint32Array(promptTokens),
        positions: new Uint32Array(promptTokens),
        rows: new Uint32Array(promptTokens).fill(NOBODY),
      },
      decode: idle(rows),
      // Rows whose state was never written do not run.
      sampled: Uint32Array.from({ length: rows }, (_, row) => row),
      picks: new Uint32Array(0),
      burst: 1,
      logprobs: rows === 1,
    });
  }

  /** The raw logits f32 `[rows, vocab]` of the latest step's first rows; slow, for tests. */
  async readLogits(rows: number): Promise<Float32Array> {
    const buffer = this.#buffers.logits;
    const bytes = 4 * Math.floor(buffer.size / 4 / this.#shape.maxBatch) * rows;
    const readback = await Readback.open(this.#gpu, bytes);
    const [data] = await readback.read(this.#recorder, [{ buffer, bytes }]);
    await readback.close();
    return new Float32Array(data);
  }

  /** Waits until nothing is in flight; call before destroying the device. */
  async close(): Promise<void> {
    await this.#readback.close();
  }

  #upload({ prefill, sampled, picks, decode }: StepInput): void {
    const { queue } = this.#gpu.device;
    if (prefill.tokens > 0) {
      const { tokens, positions, rows } = this.#buffers.prefill;
      queue.writeBuffer(tokens, 0, prefill.ids);
      queue.writeBuffer(positions, 0, prefill.positions);
      queue.writeBuffer(rows, 0, prefill.rows);
      if (picks.length > 0) queue.writeBuffer(this.#buffers.picks, 4 * decode.tokens, picks);
    }
    if (sampled.length > 0) this.sampling.setSampled(sampled);
  }
}
