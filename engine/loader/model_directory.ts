import { join } from "node:path";
import { FileSource } from "../core/byte_source.ts";
import { messageOf, WeftError } from "../core/errors.ts";
import type { ModelConfig } from "../core/model_config.ts";
import { readSafetensors, type TensorInfo } from "../core/safetensors.ts";
import { parseModelConfig } from "./config.ts";
import { isJsonObject, type JsonObject } from "./json_fields.ts";
import { readJsonFile } from "./json_file.ts";
import { parseShardIndex, SHARD_INDEX, SINGLE_FILE } from "./shard_index.ts";
import {
  type ChunkData,
  type ChunkOptions,
  readChunks,
  type TensorChunk,
} from "./tensor_reader.ts";

interface StoredTensor {
  info: TensorInfo;
  source: FileSource;
}

/** A model in Hugging Face layout on disk: its configuration, and its tensors for reading piece by piece. */
export class ModelDirectory implements Disposable {
  readonly path: string;
  readonly config: ModelConfig;
  /** `generation_config.json` as it stands; empty when there is none. */
  readonly generationConfig: JsonObject;
  /** Every stored tensor, by its Hugging Face name. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly #stored: ReadonlyMap<string, StoredTensor>;
  readonly #files: readonly FileSource[];

  /** Use {@link openModelDirectory}. */
  constructor(path: string, parts: ModelParts) {
    this.path = path;
    this.config = parts.config;
    this.generationConfig = parts.generationConfig;
    this.#stored = parts.stored;
    this.#files = parts.files;
    this.tensors = new Map([...parts.stored].map(([name, { info }]) => [name, info]));
  }

  /** Where a tensor lies and what it is. @throws {WeftError} `bad_model` when there is none. */
  tensor(name: string): TensorInfo {
    return this.#find(name).info;
  }

  /**
   * A tensor's values in order, converted, in pieces of bounded size. Each piece's data belongs to
   * the caller.
   *
   * @throws {WeftError} `bad_model` when a value is not finite or does not fit f16.
   */
  chunks<Target extends "f16" | "f32">(
    name: string,
    options: ChunkOptions<Target>,
  ): AsyncGenerator<TensorChunk<ChunkData<Target>>> {
    const { source, info } = this.#find(name);
    return readChunks(source, { ...options, tensor: info });
  }

  /** All of a tensor as f32: for norms and biases. */
  async read(name: string): Promise<Float32Array<ArrayBuffer>> {
    const values = new Float32Array(this.tensor(name).elements);
    for await (const { offsetElements, data } of this.chunks(name, { target: "f32" })) {
      values.set(data, offsetElements);
    }
    return values;
  }

  #find(name: string): StoredTensor {
    const stored = this.#stored.get(name);
    if (stored) return stored;
    throw new WeftError("bad_model", `Cannot load ${name}: ${this.path} has no such tensor`);
  }

  close(): void {
    for (const file of this.#files) file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

interface ModelParts {
  config: ModelConfig;
  generationConfig: JsonObject;
  stored: ReadonlyMap<string, StoredTensor>;
  files: readonly FileSource[];
}

/**
 * Opens a directory with `config.json` and `model.safetensors`, or shards and their
 * `model.safetensors.index.json`. Headers are read and checked; no tensor is.
 *
 * @throws {WeftError} `bad_model` or `unsupported`, naming the file and what is wrong with it.
 */
export async function openModelDirectory(path: string): Promise<ModelDirectory> {
  const { config, generationConfig } = await readConfigs(path);
  const files: FileSource[] = [];
  try {
    const stored = await openTensors(path, files);
    return new ModelDirectory(path, { config, generationConfig, stored, files });
  } catch (error) {
    for (const file of files) file.close();
    throw error;
  }
}

/**
 * Only the shape: `config.json` and `generation_config.json`.
 *
 * @throws {WeftError} as {@link openModelDirectory}.
 */
export async function readModelConfig(path: string): Promise<ModelConfig> {
  const { config } = await readConfigs(path);
  return config;
}

async function readConfigs(
  path: string,
): Promise<{ config: ModelConfig; generationConfig: JsonObject }> {
  const configJson = await readJsonFile(join(path, "config.json"));
  if (configJson === undefined) {
    throw new WeftError("bad_model", `Cannot open the model ${path}: it has no config.json`);
  }
  const generationJson = await readJsonFile(join(path, "generation_config.json"));
  return {
    config: parseModelConfig(configJson, generationJson),
    generationConfig: isJsonObject(generationJson) ? generationJson : {},
  };
}

/** Opens the weight files into `files`, which the caller closes, and lists their tensors. */
async function openTensors(path: string, files: FileSource[]): Promise<Map<string, StoredTensor>> {
  const single = await openFile(join(path, SINGLE_FILE));
  if (single) {
    files.push(single);
    return await listTensors(single, join(path, SINGLE_FILE));
  }
  const indexPath = join(path, SHARD_INDEX);
  const indexJson = await readJsonFile(indexPath);
  if (indexJson === undefined) {
    throw new WeftError(
      "bad_model",
      `Cannot open the model ${path}: it has neither ${SINGLE_FILE} nor ${SHARD_INDEX}`,
    );
  }
  const index = parseShardIndex(indexJson, indexPath);
  const stored = new Map<string, StoredTensor>();
  for (const [shard, names] of index) {
    const source = await openFile(join(path, shard));
    if (!source) throw shardError(indexPath, `names ${shard}, which is not there`);
    files.push(source);
    const found = await listTensors(source, join(path, shard));
    for (const name of names) {
      if (!found.has(name)) throw shardError(indexPath, `puts ${name} in ${shard}, which lacks it`);
    }
    for (const [name, tensor] of found) {
      if (!names.has(name)) {
        throw shardError(indexPath, `does not list ${name}, which ${shard} has`);
      }
      stored.set(name, tensor);
    }
  }
  return stored;
}

function shardError(indexPath: string, why: string): WeftError {
  return new WeftError("bad_model", `Cannot open the model: ${indexPath} ${why}`);
}

async function openFile(path: string): Promise<FileSource | undefined> {
  try {
    return await FileSource.open(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new WeftError("bad_model", `Cannot open ${path}: ${messageOf(error)}`, { cause: error });
  }
}

async function listTensors(source: FileSource, path: string): Promise<Map<string, StoredTensor>> {
  const { tensors } = await readSafetensors(source, { code: "bad_model", label: path });
  return new Map([...tensors].map(([name, info]) => [name, { info, source }]));
}
