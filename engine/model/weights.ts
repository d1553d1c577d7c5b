import type { Gpu } from "../gpu/mod.ts";
import {
  type KernelSet,
  type Matrix,
  matrixBytes,
  type MatrixShard,
  rowsWithin,
  type WeightFormat,
} from "../kernels/mod.ts";
import {
  type LayerSources,
  type LinearSource,
  type ModelDirectory,
  planWeights,
  readBias,
} from "../loader/mod.ts";
import { writeShard } from "./matrix_upload.ts";
import { type MatrixFormats, matrixFormats } from "./weight_formats.ts";

/** A projection's weight and, where the model has one, its f32 bias. */
export interface LinearWeights {
  weight: Matrix;
  bias?: GPUBuffer;
}

/** One decoder layer on the GPU. Norms and biases are f32, matrices as the formats say. */
export interface LayerWeights {
  inputNorm: GPUBuffer;
  qkv: LinearWeights;
  /** q's head norm, then k's (Qwen3). */
  headNorm?: GPUBuffer;
  out: LinearWeights;
  postNorm: GPUBuffer;
  gateUp: LinearWeights;
  down: LinearWeights;
}

export interface ModelWeights {
  embedding: Matrix;
  layers: LayerWeights[];
  finalNorm: GPUBuffer;
  /** The embedding itself where they are tied. */
  head: Matrix;
}

/** A projection dispatches a workgroup for every 4 rows or more, and a dispatch has at most 65,535. */
const MAX_SHARD_ROWS = 4 * 65_535;
/** Uploaded bytes after which the host waits for the GPU, so that staging memory is given back. */
const FLUSH_BYTES = 64 << 20;

/**
 * Streams a model's weights to the GPU in bounded chunks, matrices as `formats` say: in the kernel
 * set's dtype if not given.
 *
 * @throws {WeftError} `bad_model` when tensors are missing, misshapen or hold what their format cannot.
 */
export async function uploadWeights(
  kernels: KernelSet,
  model: ModelDirectory,
  options: { formats?: MatrixFormats; onProgress?: (bytes: number) => void } = {},
): Promise<ModelWeights> {
  const plan = planWeights(model.config, model.tensors);
  const upload = new Uploader(kernels.gpu, model, {
    formats: options.formats ?? matrixFormats(kernels.dtype, "none"),
    onProgress: options.onProgress ?? (() => {}),
  });
  const embedding = await upload.vocabulary(plan.embedding);
  const layers: LayerWeights[] = [];
  for (const sources of plan.layers) layers.push(await uploadLayer(upload, sources));
  return {
    embedding,
    layers,
    finalNorm: await upload.vector(plan.finalNorm.name),
    head: plan.head ? await upload.vocabulary(plan.head) : embedding,
  };
}

async function uploadLayer(upload: Uploader, sources: LayerSources): Promise<LayerWeights> {
  const { qNorm, kNorm } = sources;
  return {
    inputNorm: await upload.vector(sources.inputNorm.name),
    qkv: await upload.linear(sources.qkv),
    headNorm: qNorm && kNorm ? await upload.vector(qNorm.name, kNorm.name) : undefined,
    out: await upload.linear(sources.attentionOut),
    postNorm: await upload.vector(sources.postNorm.name),
    gateUp: await upload.linear(sources.gateUp),
    down: await upload.linear(sources.down),
  };
}

class Uploader {
  readonly #gpu: Gpu;
  readonly #model: ModelDirectory;
  readonly #formats: MatrixFormats;
  readonly #onProgress: (bytes: number) => void;
  #unflushed = 0;
  #total = 0;

  constructor(
    gpu: Gpu,
    model: ModelDirectory,
    { formats, onProgress }: { formats: MatrixFormats; onProgress: (bytes: number) => void },
  ) {
    this.#gpu = gpu;
    this.#model = model;
    this.#formats = formats;
    this.#onProgress = onProgress;
  }

  async linear(source: LinearSource): Promise<LinearWeights> {
    const bias = await readBias(this.#model, source);
    return {
      weight: await this.#matrix(source, this.#formats.layers),
      bias: bias ? this.#gpu.buffers.from(`${source.bias[0].name}`, bias) : undefined,
    };
  }

  /** The embedding or the head. */
  vocabulary(source: LinearSource): Promise<Matrix> {
    return this.#matrix(source, this.#formats.vocabulary);
  }

  async #matrix(source: LinearSource, format: WeightFormat): Promise<Matrix> {
    const { rows, cols } = source;
    const { maxStorageBufferBindingSize, maxBufferSize } = this.#gpu.limits;
    const limit = Math.min(maxStorageBufferBindingSize, maxBufferSize);
    const rowsPerShard = Math.min(rows, MAX_SHARD_ROWS, rowsWithin(format, cols, limit));
    const shards: MatrixShard[] = [];
    for (let firstRow = 0; firstRow < rows; firstRow += rowsPerShard) {
      const count = Math.min(rowsPerShard, rows - firstRow);
      const bytes = matrixBytes(format, { rows: count, cols });
      const buffer = this.#gpu.buffers.storage(source.weight[0].name, bytes);
      const shard = { buffer, firstRow, rows: count };
      await writeShard(
        format,
        { model: this.#model, source, shard },
        (buffer, offset, data) => this.#write(buffer, offset, data),
      );
      shards.push(shard);
    }
    return { rows, cols, format, shards };
  }

  /** Vectors, one after another, as f32. */
  async vector(...names: string[]): Promise<GPUBuffer> {
    const parts = await Promise.all(names.map((name) => this.#model.read(name)));
    const values = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
    let offset = 0;
    for (const part of parts) {
      values.set(part, offset);
      offset += part.length;
    }
    return this.#gpu.buffers.from(names[0], values);
  }

  async #write(buffer: GPUBuffer, offset: number, data: ArrayBufferView<ArrayBuffer>) {
    const { queue } = this.#gpu.device;
    queue.writeBuffer(buffer, offset, data);
    this.#unflushed += data.byteLength;
    this.#total += data.byteLength;
    this.#onProgress(this.#total);
    if (this.#unflushed < FLUSH_BYTES) return;
    this.#unflushed = 0;
    queue.submit([]);
    await queue.onSubmittedWorkDone();
  }
}
