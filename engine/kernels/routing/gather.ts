import type { BoundKernel, BufferScope, Recorder } from "../../gpu/mod.ts";
import rowsWgsl from "../sampling/rows.wgsl" with { type: "text" };
import type { KernelSet } from "../variants.ts";
import wgsl from "./gather.wgsl" with { type: "text" };
import { encodeGather, GATHER_BYTES, type GatherOrder } from "./route_layout.ts";
import routesWgsl from "./routes.wgsl" with { type: "text" };

export interface GatherShape {
  maxRows: number;
  /** Tokens that the router sees of a text: the last so many. */
  maxTokens: number;
  /** Token ids that the router knows are below this; others are passed over. */
  vocab: number;
}

/** The router's input of one batch. */
export interface GatheredBatch {
  rows: number;
  /** The longest row's tokens, at least 1, padded: all rows are as long. */
  sequence: number;
}

/** Lays out the texts of a batch as the router's input, on the GPU. */
export class Gather {
  /** i32 `[rows, sequence]`: token ids, 0 where there is none. */
  readonly inputIds: GPUBuffer;
  /** i32 `[rows, sequence]`: 1 for a token, else 0. */
  readonly attentionMask: GPUBuffer;
  readonly #queue: GPUQueue;
  readonly #shape: GatherShape;
  readonly #orders: GPUBuffer;
  readonly #texts: GPUBuffer;
  readonly #bound: BoundKernel;
  readonly #orderBytes: Uint8Array<ArrayBuffer>;
  readonly #tokens: Uint32Array<ArrayBuffer>;

  /** `drawn` is u32: what the engine's rows drew (SamplingBuffers.drawn). */
  constructor(
    kernels: KernelSet,
    shape: GatherShape,
    buffers: { scope: BufferScope; drawn: GPUBuffer },
    uniforms: GPUBuffer,
  ) {
    const { scope, drawn } = buffers;
    const { maxRows, maxTokens } = shape;
    const matrix = 4 * maxRows * maxTokens;
    this.#shape = shape;
    this.#queue = kernels.gpu.device.queue;
    this.inputIds = scope.storage("router input ids", matrix);
    this.attentionMask = scope.storage("router attention mask", matrix);
    this.#orders = scope.storage("gather orders", maxRows * GATHER_BYTES);
    this.#texts = scope.storage("router texts", matrix);
    this.#orderBytes = new Uint8Array(maxRows * GATHER_BYTES);
    this.#tokens = new Uint32Array(maxRows * maxTokens);
    this.#bound = kernels.get("gather", [rowsWgsl, routesWgsl, wgsl].join("\n")).bind({
      orders: this.#orders,
      texts: this.#texts,
      drawn,
      input_ids: this.inputIds,
      attention_mask: this.attentionMask,
    }, uniforms);
  }

  /** At most once per submission: its inputs are written when called. `pad` gives at most `maxTokens`. */
  record(
    recorder: Recorder,
    orders: readonly GatherOrder[],
    pad: (length: number) => number = (length) => length,
  ): GatheredBatch {
    const { maxRows, maxTokens, vocab } = this.#shape;
    if (orders.length > maxRows) {
      throw new Error(
        `cannot route ${orders.length} texts at once: at most ${maxRows} are allowed`,
      );
    }
    let used = 0;
    let sequence = 1;
    orders.forEach(({ tokens, drawn }, i) => {
      const length = Math.min(tokens.length, maxTokens);
      this.#tokens.set(tokens.slice(tokens.length - length), used);
      this.#orderBytes.set(encodeGather({ start: used, length, drawn }), i * GATHER_BYTES);
      used += length;
      sequence = Math.max(sequence, Math.min(length + (drawn === null ? 0 : 1), maxTokens));
    });
    sequence = pad(sequence);
    // Deno panics when asked to write nothing.
    if (orders.length > 0) {
      this.#queue.writeBuffer(this.#orders, 0, this.#orderBytes, 0, orders.length * GATHER_BYTES);
    }
    if (used > 0) this.#queue.writeBuffer(this.#texts, 0, this.#tokens, 0, used);
    const params = { sequence, max_tokens: maxTokens, vocab };
    this.#bound.dispatch(recorder, params, [Math.ceil(sequence / 64), orders.length]);
    return { rows: orders.length, sequence };
  }
}
