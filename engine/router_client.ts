import type { EngineRouter } from "./core/engine.ts";
import { WeftError } from "./core/errors.ts";
import type {
  ClassTarget,
  PrototypeFit,
  RouterInfo,
  RouterSource,
  RoutingVocabulary,
} from "./core/router.ts";
import type { RoutingOptions, TextRoute } from "./core/routing.ts";
import {
  fromErrorMessage,
  type FromWorker,
  type RouterAnswers,
  type RouterOrder,
  toErrorMessage,
  type ToWorker,
} from "./protocol.ts";

/** An adapter's weights at hand. */
export interface ClassLease {
  generation: string;
  /** More than once does nothing. */
  release(): void;
}

/** How the client reaches the worker and the adapters. */
export interface RouterClientPorts {
  send(message: ToWorker): void;
  /** Why nothing can be sent any more, if so. */
  dead(): WeftError | null;
  acquireClass?: (label: string) => Promise<ClassLease>;
}

/** The main thread's end of the router. */
export class RouterClient implements EngineRouter {
  readonly #ports: RouterClientPorts;
  readonly #open = new Map<number, PromiseWithResolvers<unknown>>();
  /** Leases by the worker's question; null: asked for, not there yet. */
  readonly #leases = new Map<number, ClassLease | null>();
  #nextId = 0;
  #info: RouterInfo | null = null;

  constructor(ports: RouterClientPorts) {
    this.#ports = ports;
  }

  get info(): RouterInfo | null {
    return this.#info;
  }

  open(source: RouterSource, vocabulary: RoutingVocabulary): Promise<RouterInfo> {
    return this.#order({ order: "open", source, vocabulary });
  }

  async close(): Promise<void> {
    await this.#order({ order: "close" });
  }

  setClasses(targets: readonly ClassTarget[]): void {
    this.#ports.send({ kind: "set_classes", targets });
  }

  setPrototype(label: string, texts: readonly Uint32Array[]): Promise<PrototypeFit> {
    return this.#order({ order: "set_prototype", label, texts });
  }

  removePrototype(label: string): void {
    this.#ports.send({ kind: "remove_prototype", label });
    if (!this.#info) return;
    const prototypes = this.#info.prototypes.filter((name) => name !== label);
    this.#info = { ...this.#info, prototypes };
  }

  route(
    texts: readonly Uint32Array[],
    options: RoutingOptions,
  ): Promise<{ router: RouterInfo; routes: TextRoute[] }> {
    return this.#order({ order: "route", texts, options });
  }

  receive({ id, info, answer }: Extract<FromWorker, { kind: "router_answer" }>): void {
    this.#info = info;
    const order = this.#open.get(id);
    this.#open.delete(id);
    if (answer && "error" in answer) order?.reject(fromErrorMessage(answer.error));
    else order?.resolve(answer);
  }

  /** Leases the adapter of a class for as long as the worker needs it. */
  async acquire(id: number, label: string): Promise<void> {
    const { acquireClass, send } = this.#ports;
    this.#leases.set(id, null);
    try {
      if (!acquireClass) throw new WeftError("not_found", `Cannot find adapter "${label}"`);
      const lease = await acquireClass(label);
      if (!this.#leases.has(id)) return lease.release();
      this.#leases.set(id, lease);
      send({ kind: "class_acquired", id, generation: lease.generation });
    } catch (error) {
      this.#leases.delete(id);
      send({ kind: "class_failed", id, error: toErrorMessage(error) });
    }
  }

  release(id: number): void {
    this.#leases.get(id)?.release();
    this.#leases.delete(id);
  }

  /** Nothing more will come from the worker. */
  stop(error: WeftError): void {
    for (const order of this.#open.values()) order.reject(error);
    this.#open.clear();
    for (const id of this.#leases.keys()) this.release(id);
  }

  #order<K extends RouterOrder["order"]>(
    order: Extract<RouterOrder, { order: K }>,
  ): Promise<RouterAnswers[K]> {
    const dead = this.#ports.dead();
    if (dead) return Promise.reject(dead);
    const id = this.#nextId++;
    const answer = Promise.withResolvers<RouterAnswers[K]>();
    this.#open.set(id, answer as PromiseWithResolvers<unknown>);
    this.#ports.send({ kind: "router", id, order });
    return answer.promise;
  }
}
