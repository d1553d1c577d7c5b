import type * as Ort from "onnxruntime-web/webgpu";
import { openModelDirectory } from "../../engine/loader/mod.ts";
import { withOrt } from "../../engine/router/ort.ts";
import { decoderFile } from "./decoder_file.ts";
import { LogitsReadback } from "./logits_readback.ts";
import { commonLength, type PeerAnswer, type PeerDecoder, type PeerOptions } from "./peer.ts";

type Tensors = Record<string, Ort.Tensor>;
type Row = Float32Array | Float16Array;

interface OrtOptions extends PeerOptions {
  /** Logits come by Weft's way instead of onnxruntime's, which waits for Deno's `mapAsync`. */
  quickReadback?: boolean;
}

/**
 * The model on onnxruntime-web's WebGPU provider, driven as transformers.js does: the KV cache stays
 * on the GPU, each step's present is the next one's past, and the host draws from the logits.
 */
export class OrtDecoder implements PeerDecoder {
  readonly #ort: typeof Ort;
  readonly #session: Ort.InferenceSession;
  readonly #readback: LogitsReadback | null;
  readonly #dtype: "f16" | "f32";
  readonly #cacheNames: string[];
  /** Of one row's empty cache. */
  readonly #cacheDims: number[];

  private constructor(
    ort: typeof Ort,
    session: Ort.InferenceSession,
    parts: {
      readback: LogitsReadback | null;
      dtype: "f16" | "f32";
      cacheNames: string[];
      cacheDims: number[];
    },
  ) {
    this.#ort = ort;
    this.#session = session;
    this.#readback = parts.readback;
    this.#dtype = parts.dtype;
    this.#cacheNames = parts.cacheNames;
    this.#cacheDims = parts.cacheDims;
  }

  /** Opens the model on a device of onnxruntime's own; one at a time in a thread. */
  static async open(options: OrtOptions): Promise<OrtDecoder> {
    const { dtype, maxModelLen, quickReadback = false } = options;
    using model = await openModelDirectory(options.modelDirectory);
    const { numKvHeads, headDim, numLayers } = model.config;
    const file = await decoderFile(model, { dtype, positions: maxModelLen });
    const cacheNames = Array.from({ length: numLayers }, (_, i) => [`${i}.key`, `${i}.value`])
      .flat();
    const onGpu = cacheNames.map((name) => `present.${name}`);
    if (quickReadback) onGpu.push("logits");
    const ort = await withOrt((ort) => Promise.resolve(ort));
    ort.env.webgpu.powerPreference = "high-performance";
    const session = await ort.InferenceSession.create(file, {
      executionProviders: [{ name: "webgpu", validationMode: "disabled" }],
      preferredOutputLocation: Object.fromEntries(onGpu.map((name) => [name, "gpu-buffer"])),
      graphOptimizationLevel: "all",
      logSeverityLevel: 4,
    });
    const readback = quickReadback
      ? new LogitsReadback(await ort.env.webgpu.device as GPUDevice)
      : null;
    const cacheDims = [numKvHeads, 0, headDim];
    return new OrtDecoder(ort, session, { readback, dtype, cacheNames, cacheDims });
  }

  async generate(prompts: readonly number[][], maxTokens: number): Promise<PeerAnswer> {
    const start = performance.now();
    const batch = prompts.length;
    const length = commonLength(prompts);
    const tokens: number[][] = prompts.map(() => []);
    let firstLogits: Float32Array[] = [];
    let firstAt = 0;
    let past = this.#emptyCache(batch);
    let ids = prompts.flat();
    for (let i = 0; i < maxTokens; i++) {
      const outputs = await this.#session.run({
        input_ids: this.#int64(ids, batch),
        attention_mask: this.#int64(Array(batch * (length + i)).fill(1), batch),
        ...past,
      }) as Tensors;
      dispose(past);
      past = this.#nextPast(outputs);
      const rows = await this.#rowsOf(outputs.logits, batch);
      ids = rows.map(argmax);
      ids.forEach((token, row) => tokens[row].push(token));
      if (i === 0) {
        firstAt = performance.now();
        firstLogits = rows.map((row) => Float32Array.from(row));
      }
      outputs.logits.dispose();
    }
    const end = performance.now();
    dispose(past);
    return { tokens, firstMs: firstAt - start, restMs: end - firstAt, firstLogits };
  }

  async close(): Promise<void> {
    await this.#readback?.close();
    await this.#session.release();
  }

  #emptyCache(batch: number): Tensors {
    const dims = [batch, ...this.#cacheDims];
    const empty = () =>
      this.#dtype === "f16"
        ? new this.#ort.Tensor("float16", new Uint16Array(0), dims)
        : new this.#ort.Tensor("float32", new Float32Array(0), dims);
    return Object.fromEntries(
      this.#cacheNames.map((name) => [`past_key_values.${name}`, empty()]),
    );
  }

  #nextPast(outputs: Tensors): Tensors {
    return Object.fromEntries(
      this.#cacheNames.map((name) => [`past_key_values.${name}`, outputs[`present.${name}`]]),
    );
  }

  /** `[batch, …]` of whole numbers. */
  #int64(values: number[], batch: number): Ort.Tensor {
    return new this.#ort.Tensor("int64", BigInt64Array.from(values, BigInt), [
      batch,
      values.length / batch,
    ]);
  }

  async #rowsOf(logits: Ort.Tensor, batch: number): Promise<Row[]> {
    const values = this.#readback
      ? await this.#readBack(logits)
      : logits.data as Float32Array | Uint16Array;
    const vocab = logits.size / batch;
    return Array.from({ length: batch }, (_, row) => {
      const { buffer, byteOffset } = values.subarray(row * vocab, (row + 1) * vocab);
      return this.#dtype === "f16"
        ? new Float16Array(buffer as ArrayBuffer, byteOffset, vocab)
        : new Float32Array(buffer as ArrayBuffer, byteOffset, vocab);
    });
  }

  async #readBack({ gpuBuffer, size }: Ort.Tensor): Promise<Float32Array | Uint16Array> {
    const data = await this.#readback!.read(
      gpuBuffer as GPUBuffer,
      size * (this.#dtype === "f16" ? 2 : 4),
    );
    return this.#dtype === "f16" ? new Uint16Array(data) : new Float32Array(data);
  }
}

function dispose(tensors: Tensors): void {
  for (const tensor of Object.values(tensors)) tensor.dispose();
}

/** The first of the largest values. */
function argmax(row: Row): number {
  let best = 0;
  let largest = row[0];
  for (let i = 1; i < row.length; i++) {
    const value = row[i];
    if (value <= largest) continue;
    best = i;
    largest = value;
  }
  return best;
}
