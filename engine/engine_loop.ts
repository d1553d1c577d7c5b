import type { EngineInfo, EngineStats } from "./core/engine.ts";
import { WeftError } from "./core/errors.ts";
import {
  type EngineOptions,
  fromErrorMessage,
  type FromWorker,
  type Outcome,
  type RouterAnswers,
  type RouterOrder,
  toErrorMessage,
  type ToWorker,
} from "./protocol.ts";
import { prepareOrt } from "./router/mod.ts";
import { type OpenRunner, openRunner } from "./runner/mod.ts";

const DEFAULT_QUEUED_REQUESTS = 1024;
const DEFAULT_QUEUED_TOKENS = 1_000_000;
/** So long without anything to do, the engine compiles kernels that are not needed yet. */
const QUIET_MS = 250;

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
  /** Orders of the router that are being carried out. */
  #routerOrders = 0;
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
    let wake = () => {};
    if (options.expectsRouter) prepareOrt().catch(() => {});
    const opened = await openRunner({
      modelDirectory: options.modelDirectory,
      dtype: options.dtype ?? "auto",
      quantize: options.quantize,
      sizing: options,
      tunings: options.tunings,
      tune: options.tune,
      // A GPU's drivers compile fast, and its first users are many.
      warmRows: ({ isFallback }) => isFallback ? 1 : Infinity,
      maxQueuedRequests,
      maxQueuedTokens,
      onProgress: (progress) => send({ kind: "progress", ...progress }),
    }, {
      emit: (id, event) => outcomes.push({ id, event }),
      fail: (id, error) => outcomes.push({ id, error: toErrorMessage(error) }),
      held: (id, error) => held.push({ kind: "held", id, error: error && toErrorMessage(error) }),
      requestAdapter: (question) => send({ kind: "need_adapter", question }),
      acquireClass: (id, label) => send({ kind: "acquire_class", id, label }),
      releaseClass: (id) => send({ kind: "release_class", id }),
      wake: () => wake(),
      now: () => performance.now(),
    });
    const { sizing, tuning } = opened;
    if (tuning.measured) send({ kind: "tuned", tuning: tuning.measured });
    const info: EngineInfo = {
      device: opened.device,
      model: opened.config,
      dtype: opened.dtype,
      quantize: opened.quantize,
      tuning: tuning.source,
      maxModelLen: sizing.maxModelLen,
      maxBatch: sizing.maxBatch,
      maxAdapters: sizing.maxAdapters,
      maxLoraRank: sizing.maxLoraRank,
      numBlocks: sizing.numBlocks,
      weightBytes: opened.weightBytes,
      kvBytes: sizing.kvBytes,
      deviceBytes: opened.allocatedBytes,
      maxQueuedRequests,
      maxQueuedTokens,
    };
    const loop = new EngineLoop(opened, { info, send, outcomes, held });
    wake = () => loop.#somethingNew();
    return loop;
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
      case "router":
        this.#orderRouter(message.id, message.order);
        break;
      case "set_classes":
        runner.desk.setClasses(message.targets);
        break;
      case "remove_prototype":
        runner.desk.removePrototype(message.label);
        break;
      case "class_acquired":
        runner.classAcquired(message.id, message);
        break;
      case "class_failed":
        runner.classAcquired(message.id, { error: fromErrorMessage(message.error) });
        break;
      case "check_integrity":
        this.#send({ kind: "integrity", error: this.#integrityError() });
        break;
      case "close":
        this.#closing = true;
    }
    // Refusals and ends need no step to be told.
    if (this.#outcomes.length + this.#held.length > 0) this.#report();
    this.#somethingNew();
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
    const { runner } = this.#opened;
    let quietSince = performance.now();
    while (!this.#closing) {
      if (this.#lost) throw this.#lost;
      const seen = this.#messages;
      const busy = await runner.step();
      this.#report();
      if (busy || seen !== this.#messages) {
        await hearMessages();
        quietSince = performance.now();
        continue;
      }
      const warmUpAt = runner.isCold && this.#routerOrders === 0 ? quietSince + QUIET_MS : null;
      await this.#nextMessage(warmUpAt);
      if (seen !== this.#messages) quietSince = performance.now();
      else if (warmUpAt !== null && performance.now() >= warmUpAt) {
        await runner.warmUp();
        await hearMessages();
      }
    }
  }

  #somethingNew(): void {
    this.#messages++;
    this.#wake?.();
  }

  /** Until a message comes, the runner has something to do by itself, or it is `until`. */
  #nextMessage(until: number | null): Promise<void> {
    if (this.#closing || this.#lost) return Promise.resolve();
    const deadlines = [this.#opened.runner.nextDeadline, until].filter((time) => time !== null);
    const deadline = deadlines.length > 0 ? Math.min(...deadlines) : null;
    return new Promise((resolve) => {
      const timer = deadline === null
        ? undefined
        : setTimeout(() => this.#wake?.(), Math.max(0, deadline - performance.now()));
      this.#wake = () => {
        this.#wake = null;
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #orderRouter(id: number, order: RouterOrder): Promise<void> {
    this.#routerOrders++;
    const answer = await this.#carryOut(order).catch((error) => ({ error: toErrorMessage(error) }));
    this.#routerOrders--;
    this.#somethingNew();
    this.#send({ kind: "router_answer", id, info: this.#opened.runner.desk.info, answer });
  }

  async #carryOut(order: RouterOrder): Promise<RouterAnswers[keyof RouterAnswers]> {
    const { desk } = this.#opened.runner;
    switch (order.order) {
      case "open":
        return await desk.open(order.source, order.vocabulary);
      case "close":
        await desk.close();
        return null;
      case "set_prototype":
        return await desk.setPrototype(order.label, order.texts);
      case "route":
        return await desk.routeTexts(order.texts, order.options);
    }
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
    const { routes, abstentions, misses: routeMisses } = runner.routeCounts;
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
      routes,
      routeAbstentions: abstentions,
      routeMisses,
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
