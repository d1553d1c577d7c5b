import type { DeviceInfo, Quantize } from "../core/engine.ts";
import { WeftError } from "../core/errors.ts";
import type { ModelConfig } from "../core/model_config.ts";
import type { DeviceTuning } from "../core/tuning.ts";
import { type Gpu, openGpu, Recorder } from "../gpu/mod.ts";
import { type Dtype, KernelSet, RECORD_BYTES } from "../kernels/mod.ts";
import { type ModelDirectory, openModelDirectory, planWeights } from "../loader/mod.ts";
import { LoraPool } from "../lora/mod.ts";
import { Decoder, matrixFormats, uploadWeights, weightBytesOf } from "../model/mod.ts";
import { BLOCK_SIZE, Scheduler } from "../scheduler/mod.ts";
import { chooseTuning, type Tuned } from "../tuning/mod.ts";
import { defaultKvBytes, defaultPrefillTokens, usableMemory } from "./memory.ts";
import type { AdapterPool, RunnerPorts } from "./ports.ts";
import { RouteDesk } from "./routing/mod.ts";
import { Runner } from "./runner.ts";
import { sizeEngine, type Sizing, type SizingFacts, type SizingOptions } from "./sizing.ts";

export interface OpenRunnerOptions {
  modelDirectory: string;
  /** "auto" is f16 where the device has it. */
  dtype: Dtype | "auto";
  /** How matrices are stored; "none", as the default, is in the dtype. */
  quantize?: Quantize;
  sizing: SizingOptions;
  /** What was measured on devices, this one perhaps among them. */
  tunings?: readonly DeviceTuning[];
  /** Measure now. */
  tune?: boolean;
  maxQueuedRequests: number;
  maxQueuedTokens: number;
  prefixCache?: boolean;
  /** Kernels for so many rows are compiled at once, the others by `Runner.warmUp`; all if not given. */
  warmRows?: (device: DeviceInfo) => number;
  onProgress?: (progress: { loadedBytes: number; totalBytes: number }) => void;
}

/** A runner with all it stands on. */
export interface OpenRunner {
  runner: Runner;
  scheduler: Scheduler;
  decoder: Decoder;
  pool: AdapterPool;
  device: DeviceInfo;
  config: ModelConfig;
  dtype: Dtype;
  quantize: Quantize;
  tuning: Tuned;
  sizing: Sizing;
  weightBytes: number;
  /** Bytes of all buffers. */
  allocatedBytes: number;
  /** Resolves when the device is gone. */
  lost: Promise<GPUDeviceLostInfo>;
  close(): Promise<void>;
}

/**
 * Opens device and model and makes a runner of them.
 *
 * @throws {WeftError} `unavailable` without a GPU, `bad_model` or `unsupported` for a model that
 * cannot be served, before anything large is loaded where that can be told.
 */
export async function openRunner(
  options: OpenRunnerOptions,
  ports: RunnerPorts,
): Promise<OpenRunner> {
  using model = await openModelDirectory(options.modelDirectory);
  const gpu = await openGpu();
  try {
    return await assemble(gpu, model, { options, ports });
  } catch (error) {
    gpu.buffers.destroy();
    gpu.device.destroy();
    throw error;
  }
}

async function assemble(
  gpu: Gpu,
  model: ModelDirectory,
  { options, ports }: { options: OpenRunnerOptions; ports: RunnerPorts },
): Promise<OpenRunner> {
  const { config } = model;
  if (options.dtype === "f16" && !gpu.hasF16) {
    throw new WeftError(
      "unsupported",
      `Cannot store weights as f16: ${gpu.info.description} has no shader-f16; use --dtype f32`,
    );
  }
  const dtype = options.dtype === "auto" ? (gpu.hasF16 ? "f16" : "f32") : options.dtype;
  const kernels = new KernelSet(gpu, dtype);
  const quantize = options.quantize ?? "none";
  const formats = matrixFormats(dtype, quantize);
  const weightBytes = weightBytesOf(planWeights(config, model.tensors), formats);
  const sizing = await fitToDevice(gpu, options.sizing, {
    config,
    elementBytes: kernels.weightBytes,
    weightBytes,
    maxBindingBytes: Math.min(gpu.limits.maxStorageBufferBindingSize, gpu.limits.maxBufferSize),
  });
  const weights = await uploadWeights(kernels, model, {
    formats,
    onProgress: (loadedBytes) => options.onProgress?.({ loadedBytes, totalBytes: weightBytes }),
  });
  const { maxBatch, maxModelLen, numBlocks, maxBurst, maxPrefillTokens } = sizing;
  const recorder = new Recorder(gpu);
  const tuning = await chooseTuning(weights, { kernels, recorder, maxPrefillTokens }, options);
  const uniforms = recorder.uniforms.buffer;
  const pool = new LoraPool(kernels, {
    config,
    maxBatch,
    maxTokens: Math.max(maxPrefillTokens, maxBatch),
    maxAdapters: sizing.maxAdapters,
    maxLoraRank: sizing.maxLoraRank,
    rankRows: sizing.rankRows,
    uniforms,
  });
  const decoder = await Decoder.create({
    kernels,
    products: tuning.products,
    config,
    weights,
    shape: {
      maxPrefillTokens,
      maxBatch,
      maxModelLen,
      maxBlocks: Math.ceil(maxModelLen / BLOCK_SIZE),
    },
    adapters: pool.adapters,
    uniforms,
    recorder,
    numBlocks,
    maxBurst,
    maxExtraBytes: maxBatch * RECORD_BYTES,
  });
  const warmRows = options.warmRows?.(gpu.info) ?? maxBatch;
  while (decoder.nextWarmUp !== null && decoder.nextWarmUp <= warmRows) await decoder.warmUp();
  const scheduler = new Scheduler({
    maxBatch,
    maxModelLen,
    numBlocks,
    prefillTokenBudget: maxPrefillTokens,
    maxBurst,
    maxQueuedRequests: options.maxQueuedRequests,
    maxQueuedTokens: options.maxQueuedTokens,
    prefixCache: options.prefixCache ?? true,
  });
  const { states, drawn } = decoder.sampling;
  const tables = { mix: pool.mixtures, states, drawn, maxBatch };
  const desk = new RouteDesk({ kernels, tables, uniforms }, {
    recorder,
    slotOf: (generation) => pool.slotOf(generation),
    wake: ports.wake,
  });
  await throwFault(gpu);
  return {
    runner: new Runner({ decoder, scheduler, pool, desk, fault: gpu.fault }, ports),
    scheduler,
    decoder,
    pool,
    device: gpu.info,
    config,
    dtype,
    quantize,
    tuning,
    sizing,
    weightBytes,
    allocatedBytes: gpu.buffers.bytes,
    lost: gpu.device.lost,
    close: async () => {
      await desk.dispose();
      await decoder.close();
      gpu.buffers.destroy();
      gpu.device.destroy();
    },
  };
}

async function fitToDevice(
  gpu: Gpu,
  options: SizingOptions,
  facts: Omit<SizingFacts, "memoryBytes" | "defaultKvBytes" | "defaultPrefillTokens">,
): Promise<Sizing> {
  const { gpuMemoryBytes } = options;
  const kv = gpuMemoryBytes === undefined ? defaultKvBytes(gpu) : Infinity;
  const size = (memoryBytes: number | null) =>
    sizeEngine(options, {
      ...facts,
      memoryBytes,
      defaultKvBytes: kv,
      defaultPrefillTokens: defaultPrefillTokens(gpu),
    });
  return size(gpuMemoryBytes ?? await usableMemory(gpu, size(null).totalBytes));
}

/** Lets the device report what was wrong with anything created so far. */
async function throwFault(gpu: Gpu): Promise<void> {
  await gpu.device.queue.onSubmittedWorkDone();
  const fault = gpu.fault();
  if (fault) throw fault;
}
