import { cutPart, type PartQuestion } from "./core/adapter_part.ts";
import type { AdapterWeights } from "./core/adapter_weights.ts";
import type { AdapterHold, Engine, EngineInfo, EngineStats } from "./core/engine.ts";
import { WeftError } from "./core/errors.ts";
import type { GenerateRequest, TokenEvent } from "./core/generation.ts";
import type { DeviceTuning } from "./core/tuning.ts";
import { EventQueue } from "./event_queue.ts";
import { type ClassLease, RouterClient } from "./router_client.ts";
import {
  type EngineOptions,
  fromErrorMessage,
  type FromWorker,
  type Outcome,
  toErrorMessage,
  type ToWorker,
} from "./protocol.ts";
import { openThread } from "./thread.ts";
import { readTunings, withTuning, writeTunings } from "./tuning_file.ts";

export interface StartOptions extends EngineOptions {
  /** From `openThread`; one is opened where none is given. */
  thread?: Worker;
  /**
   * Brings a generation's weights when they are needed and the GPU lacks them. Called once for every
   * few megabytes of an adapter, so the weights should be at hand until a request or hold ends.
   */
  loadAdapter(generation: string): Promise<AdapterWeights>;
  /**
   * Leases the adapter of a class that the router chose and that is not on the GPU: its weights are at
   * hand until it is released.
   */
  acquireClass?(label: string): Promise<ClassLease>;
  onProgress?(progress: { loadedBytes: number; totalBytes: number }): void;
  /**
   * The file that keeps what was measured of the kernels' variants on which device, and whether to measure
   * this one now, which takes some seconds, and keep that.
   */
  tuning?: { file: string; measure: boolean };
  /**
   * The process ends right after `close`, or after a start that failed: the worker's thread is left to it. A GPU
   * driver that is unloaded while the process exits crashes it (docs/PLATFORM.md).
   */
  endsWithProcess?: boolean;
}

const NO_STATS: EngineStats = {
  running: 0,
  waiting: 0,
  waitingTokens: 0,
  kvUsage: 0,
  batchSize: 0,
  steps: 0,
  preemptions: 0,
  promptTokens: 0,
  cachedPromptTokens: 0,
  generatedTokens: 0,
  residentAdapters: [],
  pinnedAdapters: [],
  heldAdapters: [],
  adapterBytes: 0,
  adapterHits: 0,
  adapterMisses: 0,
  adapterLoads: 0,
  adapterEvictions: 0,
  routes: 0,
  routeAbstentions: 0,
  routeMisses: 0,
};

/**
 * Starts the engine in its worker and resolves once it can serve.
 *
 * @throws {WeftError} `unavailable`, `bad_model` or `unsupported`, from opening device and model.
 */
export async function startEngine(options: StartOptions): Promise<Engine> {
  const { loadAdapter, acquireClass, onProgress, endsWithProcess, tuning, ...others } = options;
  const { thread: worker = openThread(), ...engineOptions } = others;
  const client = new EngineClient(worker, {
    loadAdapter,
    acquireClass,
    onProgress,
    endsWithProcess,
  });
  try {
    const tunings = tuning ? await knownTunings(tuning) : [];
    await client.start({ ...engineOptions, tunings, tune: tuning?.measure });
    if (tuning && client.tuned) await writeTunings(tuning.file, withTuning(tunings, client.tuned));
  } catch (error) {
    if (!endsWithProcess) worker.terminate();
    throw error;
  }
  return client;
}

/** What is measured anew replaces a file that can't be read. */
async function knownTunings(
  { file, measure }: NonNullable<StartOptions["tuning"]>,
): Promise<DeviceTuning[]> {
  try {
    return await readTunings(file);
  } catch (error) {
    if (measure) return [];
    throw error;
  }
}

/** A step takes milliseconds: an engine that is silent for so long hangs. */
const CLOSE_TIMEOUT_MS = 5000;

/** What the client asks of the rest of the program. */
export interface ClientHooks
  extends Pick<StartOptions, "loadAdapter" | "acquireClass" | "onProgress" | "endsWithProcess"> {
  /** How long `close` waits for the worker before it ends it. */
  closeTimeoutMs?: number;
}

/** What the client needs of a worker. */
export type WorkerPort = Pick<Worker, "postMessage" | "terminate" | "onmessage" | "onerror">;

/** Speaks with the worker. Made by `startEngine`; exported for tests with a stand-in worker. */
export class EngineClient implements Engine {
  readonly lost: Promise<Error>;
  readonly router: RouterClient;
  readonly #worker: WorkerPort;
  readonly #hooks: ClientHooks;
  readonly #queues = new Map<string, EventQueue<TokenEvent>>();
  readonly #ready = Promise.withResolvers<EngineInfo>();
  readonly #lostSignal = Promise.withResolvers<Error>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #integrity: PromiseWithResolvers<void>[] = [];
  /** Holds that the worker has not answered yet. */
  readonly #holds = new Map<number, PromiseWithResolvers<void>>();
  #nextHold = 0;
  #info: EngineInfo | null = null;
  #tuned: DeviceTuning | null = null;
  #stats = NO_STATS;
  #dead: WeftError | null = null;

  constructor(worker: WorkerPort, hooks: ClientHooks) {
    this.#worker = worker;
    this.#hooks = hooks;
    this.lost = this.#lostSignal.promise;
    this.router = new RouterClient({
      send: (message) => this.#send(message),
      dead: () => this.#dead,
      acquireClass: hooks.acquireClass,
    });
    this.#ready.promise.catch(() => {}); // Awaited by start(); a late loss is `lost`'s to tell.
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#receive(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#die(new WeftError("internal", `The engine's worker failed: ${event.message}`));
    };
  }

  async start(options: EngineOptions): Promise<void> {
    this.#send({ kind: "start", options });
    this.#info = await this.#ready.promise;
  }

  /** What was measured at the start. */
  get tuned(): DeviceTuning | null {
    return this.#tuned;
  }

  get info(): EngineInfo {
    return this.#info!;
  }

  stats(): EngineStats {
    return this.#stats;
  }

  async *generate(request: GenerateRequest, signal: AbortSignal): AsyncIterable<TokenEvent> {
    if (this.#dead) throw this.#dead;
    if (this.#queues.has(request.id)) {
      throw new WeftError(
        "invalid_request",
        `Cannot start request "${request.id}": the id is in use`,
      );
    }
    const queue = new EventQueue<TokenEvent>();
    this.#queues.set(request.id, queue);
    const abort = () => this.#send({ kind: "abort", id: request.id });
    try {
      this.#send({ kind: "generate", request });
      if (signal.aborted) abort();
      else signal.addEventListener("abort", abort, { once: true });
      for await (const event of queue) {
        yield event;
        if (event.kind === "finished") return;
      }
    } finally {
      signal.removeEventListener("abort", abort);
      // A consumer that left early must not leave the request running.
      if (this.#queues.delete(request.id)) abort();
    }
  }

  async holdAdapter(generation: string, signal?: AbortSignal): Promise<AdapterHold> {
    if (this.#dead) throw this.#dead;
    signal?.throwIfAborted();
    const id = this.#nextHold++;
    const hold = Promise.withResolvers<void>();
    this.#holds.set(id, hold);
    this.#send({ kind: "hold", id, generation });
    let isReleased = false;
    const release = () => {
      if (!isReleased) this.#send({ kind: "unhold", id });
      isReleased = true;
    };
    const abort = () => {
      if (!this.#holds.delete(id)) return;
      release();
      hold.reject(signal!.reason);
    };
    signal?.addEventListener("abort", abort, { once: true });
    try {
      await hold.promise;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
    return { release };
  }

  checkIntegrity(): Promise<void> {
    if (this.#dead) return Promise.reject(this.#dead);
    const check = Promise.withResolvers<void>();
    this.#integrity.push(check);
    this.#send({ kind: "check_integrity" });
    return check.promise;
  }

  async close(): Promise<void> {
    this.#send({ kind: "close" });
    const { closeTimeoutMs = CLOSE_TIMEOUT_MS } = this.#hooks;
    const timer = setTimeout(() => this.#stop(closed()), closeTimeoutMs);
    await this.#closed.promise;
    clearTimeout(timer);
    if (!this.#hooks.endsWithProcess) this.#worker.terminate();
  }

  #send(message: ToWorker, transfer: Transferable[] = []): void {
    if (!this.#dead) this.#worker.postMessage(message, transfer);
  }

  #receive(message: FromWorker): void {
    switch (message.kind) {
      case "progress":
        this.#hooks.onProgress?.(message);
        break;
      case "tuned":
        this.#tuned = message.tuning;
        break;
      case "ready":
        this.#ready.resolve(message.info);
        break;
      case "step":
        this.#stats = message.stats;
        for (const outcome of message.outcomes) this.#deliver(outcome);
        break;
      case "need_adapter":
        this.#sendPart(message.question);
        break;
      case "held": {
        const hold = this.#holds.get(message.id);
        this.#holds.delete(message.id);
        if (message.error) hold?.reject(fromErrorMessage(message.error));
        else hold?.resolve();
        break;
      }
      case "acquire_class":
        this.router.acquire(message.id, message.label);
        break;
      case "release_class":
        this.router.release(message.id);
        break;
      case "router_answer":
        this.router.receive(message);
        break;
      case "integrity": {
        const check = this.#integrity.shift();
        if (message.error) check?.reject(fromErrorMessage(message.error));
        else check?.resolve();
        break;
      }
      case "lost":
        this.#die(fromErrorMessage(message.error));
        break;
      case "closed":
        this.#stop(closed());
    }
  }

  #deliver(outcome: Outcome): void {
    const queue = this.#queues.get(outcome.id);
    if (!queue) return;
    if ("error" in outcome) {
      this.#queues.delete(outcome.id);
      queue.fail(fromErrorMessage(outcome.error));
    } else {
      if (outcome.event.kind === "finished") this.#queues.delete(outcome.id);
      queue.push(outcome.event);
    }
  }

  /** Keeps nothing between parts: the weights are the adapter store's, and leased while needed. */
  async #sendPart(question: PartQuestion): Promise<void> {
    const { generation, from } = question;
    try {
      const weights = await this.#hooks.loadAdapter(generation);
      if (weights.generation !== generation) {
        throw new Error(`Asked for adapter ${generation}, got ${weights.generation}`);
      }
      if (this.#dead) return;
      const part = cutPart(weights, { from });
      const buffers = part.modules.flatMap(({ a, b }) => [a.buffer, b.buffer] as ArrayBuffer[]);
      this.#send({ kind: "adapter_part", part }, buffers);
    } catch (error) {
      this.#send({ kind: "adapter_failed", question, error: toErrorMessage(error) });
    }
  }

  #die(error: WeftError): void {
    this.#stop(error);
    this.#lostSignal.resolve(error);
  }

  /** Nothing more will come from the worker: whatever waits for it gets this error. */
  #stop(error: WeftError): void {
    this.#dead ??= error;
    this.#ready.reject(error);
    this.#closed.resolve();
    for (const queue of this.#queues.values()) queue.fail(error);
    for (const check of this.#integrity.splice(0)) check.reject(error);
    for (const hold of this.#holds.values()) hold.reject(error);
    this.#holds.clear();
    this.#queues.clear();
    this.router.stop(error);
  }
}

function closed(): WeftError {
  return new WeftError("unavailable", "The engine was closed");
}
