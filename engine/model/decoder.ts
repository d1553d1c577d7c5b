import { type Gpu, Readback, type Recorder } from "../gpu/mod.ts";
import {
  Feed,
  type KvCache,
  Linear,
  Logprobs,
  MAX_LOGPROBS,
  RmsNorm,
  rotationTable,
  Sample,
  SamplingBuffers,
} from "../kernels/mod.ts";
import { DecoderStack } from "./decoder_stack.ts";
import type { Segment, StackParts } from "./stack_parts.ts";
import { createStepBuffers, type StepBuffers, type StepShape } from "./step_buffers.ts";

/** What one submission computes. Rows decode first in every list, then prefills that end. */
export interface StepInput {
  /** Tokens of prompts. */
  prefill: Segment & {
    ids: Uint32Array<ArrayBuffer>;
    positions: Uint32Array<ArrayBuffer>;
    rows: Uint32Array<ArrayBuffer>;
  };
  /** Rows that each feed the token they drew last. */
  decode: Segment;
  /** Batch rows that draw a token: the decoding ones, then those whose prompt ends here. */
  sampled: Uint32Array<ArrayBuffer>;
  /** For each entry of `sampled` beyond the decoding ones, its last token's place among `ids`. */
  picks: Uint32Array<ArrayBuffer>;
  /** Tokens to draw per row; 1 when there are prefills. */
  burst: number;
  /** Whether any row wants log-probabilities. */
  logprobs: boolean;
}

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

/** Rows that decode have kernels by their number, and others where adapters are mixed in. */
const WARM_UPS = [1, 2, 4, 8].flatMap((rows) => [1, 0].map((rankTotal) => ({ rows, rankTotal })));

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
  readonly #head: Linear;
  readonly #sample: Sample;
  readonly #logprobs: Logprobs;
  readonly #coldPasses: { rows: number; rankTotal: number }[];

  private constructor(options: DecoderOptions, parts: StackParts, readback: Readback) {
    const { kernels, config, weights, uniforms, shape, maxBurst } = options;
    const { buffers } = parts;
    this.#gpu = kernels.gpu;
    this.#recorder = options.recorder;
    this.#readback = readback;
    this.#buffers = buffers;
    this.#shape = shape;
    this.#coldPasses = WARM_UPS.filter(({ rows }) => rows <= shape.maxBatch);
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
    this.#head = new Linear(kernels, {
      x: buffers.final,
      weight: weights.head,
      y: buffers.logits,
    }, { uniforms });
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

  /** Runs one submission. Row states, tables and mixtures must have been written, or recorded, before. */
  async run(input: StepInput, extra: StepExtra | null = null): Promise<StepOutput> {
    const { prefill, decode, sampled, picks, burst } = input;
    const recorder = this.#recorder;
    this.#upload(input);
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
      this.#head.record(recorder, sampled.length, "decode");
      const place = { rows: sampled.length, step };
      this.#sample.record(recorder, place);
      if (input.logprobs) this.#logprobs.record(recorder, place);
    }
    const count = burst * sampled.length;
    if (count === 0) {
      recorder.submit();
      return { drawn: new Uint32Array(0), logprobs: null, extra: null };
    }
    const parts = [{ buffer: this.sampling.drawn, bytes: 4 * count }];
    if (input.logprobs) {
      parts.push({ buffer: this.sampling.logprobs, bytes: count * (1 + MAX_LOGPROBS) * 8 });
    }
    const read = await this.#readback.read(recorder, extra ? [...parts, extra] : parts);
    return {
      drawn: new Uint32Array(read[0]),
      logprobs: input.logprobs ? read[1] : null,
      extra: extra ? read.at(-1)! : null,
    };
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
    const { rows, rankTotal } = this.#coldPasses.shift()!;
    const idle = (tokens: number, rankTotal = 1) => ({ tokens, contextLength: 1, rankTotal });
    const none = new Uint32Array(0);
    const nobody = { ids: none, positions: none, rows: none };
    await this.run({
      prefill: rows > 1 ? { ...idle(0), ...nobody } : {
        ...idle(1),
        ids: Uint32Array.of(0),
        positions: Uint32Array.of(0),
        rows: Uint32Array.of(NOBODY),
      },
      decode: idle(rows, rankTotal),
      // Rows whose state was never written do not run.
      sampled: Uint32Array.from({ length: rows }, (_, row) => row),
      picks: none,
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
