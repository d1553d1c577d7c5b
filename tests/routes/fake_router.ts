import type { EngineRouter } from "../../engine/core/engine.ts";
import { messageOf, WeftError } from "../../engine/core/errors.ts";
import type {
  ClassTarget,
  PrototypeFit,
  RouterInfo,
  RouterSource,
} from "../../engine/core/router.ts";
import type { RoutedSentence, RoutingOptions, TextRoute } from "../../engine/core/routing.ts";

export interface FakeRouterOptions extends Partial<RouterInfo> {
  /** Of classes by label; the rest has none. The likeliest is chosen. */
  probabilities?: (text: string) => Record<string, number>;
}

/** The file of a router that a FakeRouter opens. */
export function routerFile(info: Partial<RouterInfo>): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(info));
}

/** A router without a model: it says what it is told to, and notes what it is asked. */
export class FakeRouter implements EngineRouter {
  info: RouterInfo | null = null;
  classes: readonly ClassTarget[] = [];
  /** Texts by label, decoded. */
  readonly examples = new Map<string, string[]>();
  /** Generations opened, in order, and texts routed. */
  readonly opened: string[] = [];
  readonly batches: { texts: string[]; options: RoutingOptions }[] = [];
  fit: PrototypeFit = { won: 0.9, taken: 0.01 };
  /** Thrown for examples of these labels. */
  readonly refused = new Map<string, Error>();
  /** Opening and making prototypes wait for it. */
  gate: Promise<void> = Promise.resolve();
  #probabilities: NonNullable<FakeRouterOptions["probabilities"]>;

  constructor(options: FakeRouterOptions | null) {
    this.#probabilities = options?.probabilities ?? (() => ({ sql: 0.75, poet: 0.25 }));
    if (options !== null) this.info = routerInfo({ generation: "0".repeat(64), ...options });
  }

  static none(): WeftError {
    return new WeftError("unavailable", "There is no router", { reason: "no_router" });
  }

  async open({ file, generation }: RouterSource): Promise<RouterInfo> {
    const text = new TextDecoder().decode(file);
    // As a message to a worker that takes the file over.
    file.buffer.transfer();
    await this.gate;
    let info: Partial<RouterInfo>;
    try {
      info = JSON.parse(text);
    } catch (error) {
      throw new WeftError("bad_adapter", `reading the router file: ${messageOf(error)}`, {
        reason: "bad_router",
      });
    }
    this.info = routerInfo({ ...info, generation });
    this.classes = [];
    this.examples.clear();
    this.opened.push(generation);
    return this.info;
  }

  close(): Promise<void> {
    this.info = null;
    this.classes = [];
    this.examples.clear();
    return Promise.resolve();
  }

  setClasses(targets: readonly ClassTarget[]): void {
    this.classes = targets;
  }

  async setPrototype(label: string, texts: readonly Uint32Array[]): Promise<PrototypeFit> {
    await this.gate;
    const refusal = this.refused.get(label);
    if (refusal !== undefined) throw refusal;
    if (this.info === null) throw FakeRouter.none();
    this.examples.set(label, texts.map(decode));
    this.info = { ...this.info, prototypes: [...this.examples.keys()] };
    return this.fit;
  }

  removePrototype(label: string): void {
    this.examples.delete(label);
    if (this.info) this.info = { ...this.info, prototypes: [...this.examples.keys()] };
  }

  route(
    texts: readonly Uint32Array[],
    options: RoutingOptions,
  ): Promise<{ router: RouterInfo; routes: TextRoute[] }> {
    const { info } = this;
    if (info === null) return Promise.reject(FakeRouter.none());
    this.batches.push({ texts: texts.map(decode), options });
    const labels = [...info.labels, ...info.prototypes];
    const routes = texts.map((text) => {
      const of = this.#probabilities(decode(text));
      const probabilities = Float32Array.from(labels, (label) => of[label] ?? 0);
      const confidence = Math.max(...probabilities);
      const abstained = confidence < options.minConfidence;
      const choices = abstained
        ? []
        : [{ classIndex: probabilities.indexOf(confidence), weight: 1 }];
      return { choices, confidence, entropy: 0.5, abstained, kept: false, probabilities };
    });
    return Promise.resolve({ router: info, routes });
  }
}

function routerInfo(options: FakeRouterOptions): RouterInfo {
  const { probabilities: _, ...info } = options;
  return {
    generation: "",
    version: "1",
    labels: ["sql", "poet"],
    prototypes: [],
    maxTokens: 256,
    features: 64,
    temperature: 1,
    topP: 0.8,
    minConfidence: 0.25,
    ...info,
  };
}

function decode(text: Uint32Array): string {
  return new TextDecoder().decode(Uint8Array.from(text));
}

/** What a routed answer's sentences are unless told. */
export const SENTENCES: readonly RoutedSentence[] = [
  sentenceOf({ adapters: [{ label: "sql", generation: "aaaa", weight: 1 }] }),
  sentenceOf({
    index: 1,
    start: 5,
    adapters: [
      { label: "poet", generation: "bbbb", weight: 0.75 },
      { label: "sql", generation: "aaaa", weight: 0.25 },
    ],
    confidence: 0.5,
    missed: ["chef"],
  }),
];

export function sentenceOf(changes: Partial<RoutedSentence>): RoutedSentence {
  return {
    index: 0,
    start: 0,
    adapters: [],
    missed: [],
    confidence: 0.75,
    entropy: 0.5,
    abstained: false,
    kept: false,
    router: "0".repeat(64),
    ms: 2,
    ...changes,
  };
}
