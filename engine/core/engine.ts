import type { GenerateRequest, TokenEvent } from "./generation.ts";
import type { ModelConfig } from "./model_config.ts";
import type {
  ClassTarget,
  PrototypeFit,
  RouterInfo,
  RouterSource,
  RoutingVocabulary,
} from "./router.ts";
import type { RoutingOptions, TextRoute } from "./routing.ts";

/** The GPU as WebGPU describes it. */
export interface DeviceInfo {
  vendor: string;
  architecture: string;
  description: string;
  /** True for a software driver such as llvmpipe. */
  isFallback: boolean;
}

/** How the base model's matrices are stored: in the dtype, or with so many bits a weight. */
export type Quantize = "none" | "int8" | "int4";

/** What a started engine runs on and how it is sized. */
export interface EngineInfo {
  device: DeviceInfo;
  model: ModelConfig;
  /** How the KV cache, adapters and, unless quantised, the base model's matrices are stored. */
  dtype: "f16" | "f32";
  quantize: Quantize;
  /** How the kernels' variants were chosen: by the kind of device, or as measured earlier or now. */
  tuning: "default" | "stored" | "measured";
  maxModelLen: number;
  maxBatch: number;
  maxAdapters: number;
  maxLoraRank: number;
  /** KV blocks of 16 tokens each. */
  numBlocks: number;
  weightBytes: number;
  kvBytes: number;
  /** All buffers on the device but a router's: weights, KV cache, adapters' places, what steps work in. */
  deviceBytes: number;
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
  /** Generations now on the GPU as a whole. */
  residentAdapters: string[];
  /** Those that requests pin, and what is still being uploaded for them. */
  pinnedAdapters: string[];
  /** Those of the residents that are held. */
  heldAdapters: string[];
  /** Bytes of GPU memory that adapters occupy, those included that are still being uploaded. */
  adapterBytes: number;
  /** Adapters that requests found on the GPU as they came, and those that they did not. */
  adapterHits: number;
  adapterMisses: number;
  /** Adapters brought onto the GPU, and those that left it again. */
  adapterLoads: number;
  adapterEvictions: number;
  /** Routes taken: of prompts and sentences, and of texts that were only asked about. */
  routes: number;
  /** Of the routes of answers, those where the base alone was chosen for want of confidence. */
  routeAbstentions: number;
  /** Of the routes of answers, those where a chosen adapter was not on the GPU. */
  routeMisses: number;
}

/** A generation that stays on the GPU. */
export interface AdapterHold {
  /** Lets it go; the second time does nothing. */
  release(): void;
}

/**
 * The router beside the model on the GPU. At most one is in place; while there is none, routed
 * requests are refused (`unavailable`, reason "no_router").
 */
export interface EngineRouter {
  /** What is in place now. */
  readonly info: RouterInfo | null;
  /**
   * Opens a router, tries it out, and puts it in the place of the one before; until then that one
   * serves on. Names stand for what they stood for; prototypes are gone.
   *
   * @throws {WeftError} `bad_adapter`, reason "bad_router", for a file that does not fit or was made
   * for another tokenizer; `unavailable` without room on the GPU.
   */
  open(source: RouterSource, vocabulary: RoutingVocabulary): Promise<RouterInfo>;
  /** Takes the router away. Answers go on under the mixtures they have. */
  close(): Promise<void>;
  /** Says what the classes stand for; those not named, or named and unknown, take no part. */
  setClasses(targets: readonly ClassTarget[]): void;
  /**
   * Makes a class from example texts (as the router sees them), or replaces it; `setClasses`
   * switches it on.
   *
   * @throws {WeftError} `unsupported` for a router without features or references, `conflict` for a
   * label the router has, `too_large` for more prototypes than fit; `unavailable` without a router.
   */
  setPrototype(label: string, texts: readonly Uint32Array[]): Promise<PrototypeFit>;
  /** Unknown labels are ignored. */
  removePrototype(label: string): void;
  /** What the router thinks of texts, whether their adapters are on the GPU or not. */
  route(
    texts: readonly Uint32Array[],
    options: RoutingOptions,
  ): Promise<{ router: RouterInfo; routes: TextRoute[] }>;
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
  /**
   * Brings a generation onto the GPU and keeps it there until released; resolves once it is there.
   * Requests go first: it waits while they need the room, and one whose mixture could not fit beside
   * what is held displaces it until there is room again.
   *
   * @throws {WeftError} `overloaded` with reason "gpu_full" when held adapters would take more than
   * half of the slots or of a projection's rank rows; `bad_adapter` and what `loadAdapter` throws;
   * the signal's reason once it is aborted.
   */
  holdAdapter(generation: string, signal?: AbortSignal): Promise<AdapterHold>;
  stats(): EngineStats;
  readonly router: EngineRouter;
  /** Throws when the engine's internal books do not balance; meant for idle moments. */
  checkIntegrity(): Promise<void>;
  /** Resolves with the reason once the device or worker is gone; never rejects. */
  readonly lost: Promise<Error>;
  /** What still runs ends with an error. An engine that does not answer in time is terminated. */
  close(): Promise<void>;
}
