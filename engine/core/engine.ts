import type { GenerateRequest, TokenEvent } from "./generation.ts";
import type { ModelConfig } from "./model_config.ts";

/** The GPU as WebGPU describes it. */
export interface DeviceInfo {
  vendor: string;
  architecture: string;
  description: string;
  /** True for a software driver such as llvmpipe. */
  isFallback: boolean;
}

/** What a started engine runs on and how it is sized. */
export interface EngineInfo {
  device: DeviceInfo;
  model: ModelConfig;
  dtype: "f16" | "f32";
  maxModelLen: number;
  maxBatch: number;
  maxAdapters: number;
  maxLoraRank: number;
  /** KV blocks of 16 tokens each. */
  numBlocks: number;
  weightBytes: number;
  kvBytes: number;
  /** The engine's queue refuses beyond these. */
  maxQueuedRequests: number;
  maxQueuedTokens: number;
}

/** A snapshot for metrics and readiness. Counters only grow. */
export interface EngineStats {
  running: number;
  waiting: number;
  waitingTokens: number;
  /** Share of KV blocks in use by running requests, 0 to 1. */
  kvUsage: number;
  /** Rows in the latest step. */
  batchSize: number;
  steps: number;
  preemptions: number;
  promptTokens: number;
  cachedPromptTokens: number;
  generatedTokens: number;
  /** Generations now on the GPU, and those that a running request pins. */
  residentAdapters: string[];
  pinnedAdapters: string[];
  adapterLoads: number;
  adapterEvictions: number;
}

/** The engine as the main thread sees it. */
export interface Engine {
  readonly info: EngineInfo;
  /**
   * Runs one request. Ends after `finished`; throws WeftError (`overloaded`, `invalid_request`,
   * `bad_adapter`, `device_lost`, …). Aborting the signal frees the request's blocks within one step
   * and ends the iteration with a `finished` event of reason "abort".
   */
  generate(request: GenerateRequest, signal: AbortSignal): AsyncIterable<TokenEvent>;
  stats(): EngineStats;
  /** Throws when the engine's internal books do not balance; meant for idle moments. */
  checkIntegrity(): Promise<void>;
  /** Resolves with the reason once the device or worker is gone; never rejects. */
  readonly lost: Promise<Error>;
  close(): Promise<void>;
}
