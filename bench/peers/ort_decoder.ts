import type * as Ort from "onnxruntime-web/webgpu";
import { openModelDirectory } from "../../engine/loader/mod.ts";
import { withOrt } from "../../engine/router/ort.ts";
import { decoderFile } from "./decoder_file.ts";

/** What a batch of prompts gave. */
export interface PeerAnswer {
  /** For each row, `maxTokens` of them: greedy, with no regard to stop tokens. */
  tokens: number[][];
  /** Milliseconds from the call to the first tokens. */
  firstMs: number;
  /** Milliseconds from the first tokens to the last. */
  restMs: number;
  /** `[vocab]` for each row, at the last token of the prompt. */
  firstLogits: Float32Array[];
}

export interface PeerOptions {
  modelDirectory: string;
  /** f16 needs the device's shader-f16. */
  dtype: "f16" | "f32";
  /** Prompt and answer together. */
  maxModelLen: number;
}

/** The model on onnxruntime-web's WebGPU provider: the way transformers.js drives it. */
export class OrtDecoder {
  readonly #ort: typeof Ort;
  readonly #session: Ort.InferenceSession;
  readonly #options: PeerOptions;
  readonly #cacheShape: (batch: number) => number[];
  readonly #cacheNames: string[];

  private constructor(
    parts: { ort: typeof Ort; session: Ort.InferenceSession },
    options: PeerOptions,
    shape: { kvHeads: number; headDim: number; layers: number },
  ) {
    this.#ort = parts.ort;
    this.#session = parts.session;
    this.#options = options;
    this.#cacheShape = (batch) => [batch, shape.kvHeads, 0, shape.headDim];
    this.#cacheNames = Array.from({ length: shape.layers }, (_, i) => [`${i}.key`, `${i}.value`])
      .flat();
  }

  /** Opens the model on a device of its own. Once a thread. */
  static async open(options: PeerOptions): Promise<OrtDecoder> {
    using model = await openModelDirectory(options.modelDirectory);
    const { numKvHeads: kvHeads, headDim, numLayers: layers } = model.config;
    const file = await decoderFile(model, {
      dtype: options.dtype,
      positions: options.maxModelLen,
    });
    const ort = await withOrt((ort) => Promise.resolve(ort));
    ort.env.webgpu.powerPreference = "high-performance";
    const locations: Record<string, "gpu-buffer"> = {};
    for (let i = 0; i < layers; i++) {
      locations[`present.${i}.key`] = "gpu-buffer";
      locations[`present.${i}.value`] = "gpu-buffer";
    }
    const session = await ort.InferenceSession.create(file, {
      executionProviders: [{ name: "webgpu", validationMode: "disabled" }],
      preferredOutputLocation: locations,
      graphOptimizationLevel: "all",
      logSeverityLevel: 4,
    });
    return new OrtDecoder({ ort, session }, options, { kvHeads, headDim, layers });
  }

  /** Greedy answers of `maxTokens` to prompts of one length. */
  async generate(prompts: readonly number[][], maxTokens: number): Promise<PeerAnswer> {
    const start = performance.now();
    const batch = prompts.length;
    const length = prompts[0].length;
    if (prompts.some((prompt) => prompt.length !== length)) {
      throw new RangeError(`prompts of lengths ${prompts.map((p) => p.length)}; one is needed`);
    }
    let past = this.#emptyCache(batch);
    let ids = prompts.flat();
    let firstLogits: Float32Array[] = [];
    let firstAt = 0;
    const tokens: number[][] = prompts.map(() => []);
    for (let i = 0; i < maxTokens; i++) {
      const feeds = {
        input_ids: this.#int64(ids, [batch, ids.length / batch]),
        attention_mask: this.#int64(Array(batch * (length + i)).fill(1), [batch, length + i]),
        ...past,
      };
      const outputs = await this.#session.run(feeds);
      for (const tensor of Object.values(past)) tensor.dispose();
      past = this.#nextCache(outputs);
      const rows = rowsOf(outputs.logits, batch);
      outputs.logits.dispose();
      ids = rows.map(argmax);
      ids.forEach((token, row) => tokens[row].push(token));
      if (i > 0) continue;
      firstAt = performance.now();
      firstLogits = rows.map((row) => Float32Array.from(row));
    }
    const end = performance.now();
    for (const tensor of Object.values(past)) tensor.dispose();
    return { tokens, firstMs: firstAt - start, restMs: end - firstAt, firstLogits };
  }

  async close(): Promise<void> {
    await this.#session.release();
  }

  #emptyCache(batch: number): Record<string, Ort.Tensor> {
    const type = this.#options.dtype === "f16" ? "float16" : "float32";
    const none = type === "float16" ? new Uint16Array(0) : new Float32Array(0);
    return Object.fromEntries(this.#cacheNames.map((name) => [
      `past_key_values.${name}`,
      new this.#ort.Tensor(type as "float32", none as Float32Array, this.#cacheShape(batch)),
    ]));
  }

  #nextCache(outputs: Ort.InferenceSession.OnnxValueMapType): Record<string, Ort.Tensor> {
    return Object.fromEntries(
      this.#cacheNames.map((name) => [`past_key_values.${name}`, outputs[`present.${name}`]]),
    ) as Record<string, Ort.Tensor>;
  }

  #int64(values: number[], dims: number[]): Ort.Tensor {
    return new this.#ort.Tensor("int64", BigInt64Array.from(values, BigInt), dims);
  }
}

type Row = Float32Array | Float16Array;

function rowsOf(logits: Ort.OnnxValue, batch: number): Row[] {
  const data = (logits as Ort.Tensor).data;
  const values = data instanceof Uint16Array
    ? new Float16Array(data.buffer as ArrayBuffer, data.byteOffset, data.length)
    : data as unknown as Row;
  const vocab = values.length / batch;
  return Array.from({ length: batch }, (_, row) => values.subarray(row * vocab, (row + 1) * vocab));
}

/** The first of the largest values. */
function argmax(row: Row): number {
  let best = 0;
  for (let i = 1; i < row.length; i++) if (row[i] > row[best]) best = i;
  return best;
}
