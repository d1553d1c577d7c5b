import type { EngineInfo, EngineStats } from "./core/engine.ts";
import { WeftError } from "./core/errors.ts";
import {
  type EngineOptions,
  fromErrorMessage,
  type FromWorker,
  type Outcome,
  toErrorMessage,
  type ToWorker,
} from "./protocol.ts";
import { type OpenRunner, openRunner } from "./runner/mod.ts";

const DEFAULT_QUEUED_REQUESTS = 1024;
const DEFAULT_QUEUED_TOKENS = 1_000_000;

/** Runs steps while there is work, sleeps while there is none, and reports after each. */
export class EngineLoop {
  readonly info: EngineInfo;
  readonly #opened: OpenRunner;
  readonly #send: (message: FromWorker) => void;
  readonly #outcomes: Outcome[];
  /** Told after the statistics that show them. */
  readonly #held: FromWorker[];
  #wake: (() => void) | null = null;
  #messages = 0;
  #closing = false;
  #lost: WeftError | null = null;

  private constructor(
    opened: OpenRunner,
    parts: {
      info: EngineInfo;
      send: (message: FromWorker) => void;
      outcomes: Outcome[];
      held: FromWorker[];
    },
  ) {
    this.#opened = opened;
    this.info = parts.info;
    this.#send = parts.send;
    this.#outcomes = parts.outcomes;
    this.#held = parts.held;
    opened.lost.then(({ message, reason }) => {
      this.#lost = new WeftError("device_lost", `The GPU device is lost (${reason}): ${message}`);
      this.#wake?.();
    });
  }

  static async open(
    options: EngineOptions,
    send: (message: FromWorker) => void,
  ): Promise<EngineLoop> {
    const maxQueuedRequests = options.maxQueuedRequests ?? DEFAULT_QUEUED_REQUESTS;
    const maxQueuedTokens = options.maxQueuedTokens ?? DEFAULT_QUEUED_TOKENS;
    const outcomes: Outcome[] = [];
    const held: FromWorker[] = [];
    const opened = await openRunner({
      modelDirectory: options.modelDirectory,
      dtype: options.dtype ?? "auto",
      sizing: options,
      maxQueuedRequests,
      maxQueuedTokens,
      onProgress: (progress) => send({ kind: "progress", ...progress }),
    }, {
      emit: (id, event) => outcomes.push({ id, event }),
      fail: (id, error) => outcomes.push({ id, error: toErrorMessage(error) }),
      held: (id, error) => held.push({ kind: "held", id, error: error && toErrorMessage(error) }),
      requestAdapter: (question) => send({ kind: "need_adapter", question }),
      now: () => performance.now(),
    });
    const { sizing } = opened;
    const info: EngineInfo = {
      device: opened.device,
      model: opened.config,
      dtype: opened.dtype,
      maxModelLen: sizing.maxModelLen,
      maxBatch: sizing.maxBatch,
      maxAdapters: sizing.maxAdapters,
      maxLoraRank: sizing.maxLoraRank,
      numBlocks: sizing.numBlocks,
      weightBytes: opened.weightBytes,
      kvBytes: sizing.kvBytes,
      maxQueuedRequests,
      maxQueuedTokens,
    };
    return new EngineLoop(opened, { info, send, outcomes, held });
  }

  handle(message: Exclude<ToWorker, { kind: "start" }>): void {
    const { runner } = this.#opened;
    switch (message.kind) {
      case "generate":
        runner.submit(message.request);
        break;
      case "abort":
        runner.abort(message.id);
        break;
      case "hold":
        runner.hold(message.id, message.generation);
        break;
      case "unhold":
        runner.unhold(message.id);
        break;
      case "adapter_part":
        runner.adapterArrived(message.part);
        break;
      case "adapter_failed":
        runner.adapterFailed(message.question, fromErrorMessage(message.error));
        break;
      case "check_integrity":
        this.#send({ kind: "integrity", error: this.#integrityError() });
        break;
      case "close":
        this.#closing = true;
    }
    // Refusals and ends need no step to be told.
    if (this.#outcomes.length + this.#held.length > 0) this.#report();
    this.#messages++;
    this.#wake?.();
  }

  /** Returns once closed; throws WeftError("device_lost") when the device is. */
  async run(): Promise<void> {
    try {
      await this.#stepUntilClosed();
    } catch (error) {
      // A loss shows first as whatever failed on the device, and is told a turn later.
      await nextTurn();
      throw this.#lost ?? error;
    }
    await this.#opened.close();
  }

  async #stepUntilClosed(): Promise<void> {
    while (!this.#closing) {
      if (this.#lost) throw this.#lost;
      const seen = this.#messages;
      const busy = await this.#opened.runner.step();
      this.#report();
      if (!busy && seen === this.#messages) await this.#nextMessage();
      else await hearMessages();
    }
  }

  #nextMessage(): Promise<void> {
    if (this.#closing || this.#lost) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = null;
        resolve();
      };
    });
  }

  /** After every pass, also one without outcomes: the statistics of an idle engine are news as well. */
  #report(): void {
    this.#send({ kind: "step", outcomes: this.#outcomes.splice(0), stats: this.#stats() });
    for (const message of this.#held.splice(0)) this.#send(message);
  }

  #stats(): EngineStats {
    const { runner, scheduler, pool } = this.#opened;
    const { numBlocks: _, usedBlocks: __, cachedBlocks: ___, ...counts } = scheduler.stats;
    const adapters = pool.stats();
    const { hits, misses } = runner.adapterLookups;
    return {
      ...counts,
      residentAdapters: adapters.resident,
      pinnedAdapters: adapters.pinned,
      heldAdapters: adapters.held,
      adapterBytes: adapters.bytes,
      adapterHits: hits,
      adapterMisses: misses,
      adapterLoads: adapters.loads,
      adapterEvictions: adapters.evictions,
    };
  }

  #integrityError() {
    try {
      this.#opened.runner.checkIntegrity();
      return null;
    } catch (error) {
      return toErrorMessage(error);
    }
  }
}

/**
 * Lets the messages in that came while this thread was busy. It looks for them in every 31st turn of
 * the event loop (docs/PLATFORM.md): with a single turn between steps, an abort waits for ten.
 */
async function hearMessages(): Promise<void> {
  for (let turn = 0; turn < 32; turn++) await nextTurn();
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
