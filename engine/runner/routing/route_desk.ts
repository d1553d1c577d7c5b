import { WeftError } from "../../core/errors.ts";
import type {
  ClassTarget,
  PrototypeFit,
  RouterInfo,
  RouterSource,
  RoutingVocabulary,
} from "../../core/router.ts";
import { DEFAULT_ROUTING, type RoutingOptions, type TextRoute } from "../../core/routing.ts";
import { Readback, type Recorder } from "../../gpu/mod.ts";
import {
  MAX_CLASSES,
  MAX_FEATURES,
  MAX_PROTOTYPES,
  MAX_ROUTED_ROWS,
  readRecords,
  RECORD_BYTES,
  type RouteRecord,
} from "../../kernels/mod.ts";
import {
  fitPrototype,
  refused,
  ResidentRouter,
  type RoutedOutput,
  type RouterSurroundings,
  slotsOf,
} from "../../router/mod.ts";
import type { LabelledWeight } from "./answer_route.ts";
import { type SharedVocabulary, sharedVocabulary } from "./vocabulary.ts";

/** A text to route. */
export interface Inquiry {
  /** Its tokens, or at least the last ones that a router sees. */
  text: Uint32Array | readonly number[];
  options: RoutingOptions;
  /** The mixture in force, for hysteresis; null where there is none yet. */
  inForce: readonly LabelledWeight[] | null;
  /** Batch row whose mixture the GPU writes; null: only the record is wanted. */
  row: number | null;
}

/** An adapter that the router chose. */
export interface ChosenAdapter extends ClassTarget {
  weight: number;
  /** On the GPU, as a whole. */
  isHere: boolean;
}

/** What the router says of a text, with what its classes stood for when it was asked. */
export interface RoutedText {
  record: RouteRecord;
  /** The record's, in its order. */
  choices: ChosenAdapter[];
}

/** What was put before a step. */
export interface DeskOutput extends RoutedOutput {
  /** To be read once the step has run, and given to `read`. */
  records: { buffer: GPUBuffer; bytes: number };
  read(data: ArrayBuffer): RoutedText[];
}

/** The route of a text without tokens: the base alone. */
const OF_NOTHING: RouteRecord = {
  choices: [],
  confidence: 0,
  entropy: 0,
  abstained: true,
  kept: false,
  applied: [],
  failed: false,
  missed: false,
  stopped: false,
  noClass: false,
  base: true,
};

/** What is in place. */
interface Installed {
  router: ResidentRouter;
  vocabulary: SharedVocabulary;
}

/** Work that waits for its turn between two steps. */
type Errand = () => Promise<void>;

/**
 * The router that is in place, and everything that is asked of it. A router is opened beside running
 * steps; the batches themselves go between them, or in one.
 */
export class RouteDesk {
  readonly #surroundings: RouterSurroundings;
  readonly #recorder: Recorder;
  readonly #slotOf: (generation: string) => number | null;
  readonly #wake: () => void;
  #readback: Readback | null = null;
  #installed: Installed | null = null;
  /** Counts openings and closings: the latest order stands, however long an earlier one takes. */
  #orders = 0;
  readonly #errands: Errand[] = [];
  /** Texts that were only asked about. */
  textRoutes = 0;

  constructor(
    surroundings: RouterSurroundings,
    { recorder, slotOf, wake }: {
      recorder: Recorder;
      slotOf: (generation: string) => number | null;
      /** Called when there is something for `serve`. */
      wake: () => void;
    },
  ) {
    this.#surroundings = surroundings;
    this.#recorder = recorder;
    this.#slotOf = slotOf;
    this.#wake = wake;
  }

  get info(): RouterInfo | null {
    return this.#installed?.router.info ?? null;
  }

  get vocabulary(): SharedVocabulary | null {
    return this.#installed?.vocabulary ?? null;
  }

  /** Of the router in place. @throws {WeftError} `unavailable`, reason "no_router". */
  get router(): ResidentRouter {
    if (!this.#installed) throw noRouter();
    return this.#installed.router;
  }

  /** See EngineRouter.open. */
  async open(source: RouterSource, vocabulary: RoutingVocabulary): Promise<RouterInfo> {
    const order = ++this.#orders;
    const capacity = MAX_ROUTED_ROWS *
      (RECORD_BYTES + 4 * (MAX_CLASSES + MAX_PROTOTYPES + MAX_FEATURES));
    this.#readback ??= await Readback.open(this.#surroundings.kernels.gpu, capacity);
    const router = await ResidentRouter.open(this.#surroundings, source, vocabulary);
    if (order !== this.#orders) {
      await router.close();
      throw new WeftError("conflict", "Cannot put the router in place: another came after it", {
        reason: "router_superseded",
      });
    }
    try {
      await this.#between(() => this.#warmUp(router));
    } catch (error) {
      await router.close();
      throw error;
    }
    await this.#install({ router, vocabulary: sharedVocabulary(vocabulary) });
    return router.info;
  }

  /** See EngineRouter.close. */
  async close(): Promise<void> {
    this.#orders++;
    await this.#install(null);
  }

  setClasses(targets: readonly ClassTarget[]): void {
    this.#installed?.router.classes.setTargets(targets);
  }

  /** See EngineRouter.setPrototype. */
  async setPrototype(label: string, texts: readonly Uint32Array[]): Promise<PrototypeFit> {
    const { router } = this;
    const { features: width, temperature } = router.info;
    const { references } = router;
    if (width === null || references === undefined) {
      throw new WeftError(
        "unsupported",
        `Cannot make a class "${label}" from examples: the router has no features or no references`,
        { reason: "router_without_features" },
      );
    }
    const examples: Float32Array[] = [];
    for (const batch of batches(texts)) {
      examples.push(...await this.#between(() => this.#featuresOf(router, batch)));
    }
    // Steps go on between the parts of the fit.
    const pause = () => new Promise<void>((resolve) => setImmediate(resolve));
    const fit = await fitPrototype({ examples, references, width, temperature, pause });
    return await this.#between(() => {
      this.#requireInPlace(router);
      router.setPrototype(label, fit.prototype);
      return Promise.resolve({ won: fit.won, taken: fit.taken });
    });
  }

  removePrototype(label: string): void {
    this.#installed?.router.classes.removePrototype(label);
  }

  /** See EngineRouter.route. */
  routeTexts(
    texts: readonly Uint32Array[],
    options: RoutingOptions,
  ): Promise<{ router: RouterInfo; routes: TextRoute[] }> {
    return this.#between(async () => {
      const { router } = this;
      const routes: TextRoute[] = [];
      for (const batch of batches(texts.filter(({ length }) => length > 0))) {
        routes.push(...await this.#routesOf(batch, options));
      }
      this.textRoutes += texts.length;
      const { labels, prototypes } = router.info;
      const probabilities = new Float32Array(labels.length + prototypes.length);
      return {
        router: router.info,
        routes: texts.map(({ length }) =>
          length > 0 ? routes.shift()! : { ...OF_NOTHING, probabilities }
        ),
      };
    });
  }

  /** Does what waits for a moment between steps; false when nothing did. */
  async serve(): Promise<boolean> {
    const errands = this.#errands.splice(0);
    for (const errand of errands) await errand();
    return errands.length > 0;
  }

  /** Routes texts and waits for what the GPU says. An empty text is the base's. Between steps only. */
  async ask(inquiries: readonly Inquiry[]): Promise<RoutedText[]> {
    const routes: RoutedText[] = [];
    for (const batch of batches(inquiries.filter(({ text }) => text.length > 0))) {
      const output = await this.record(batch);
      const [data] = await this.#read([output.records]);
      output.dispose();
      routes.push(...output.read(data));
    }
    return inquiries.map(({ text }) =>
      text.length > 0 ? routes.shift()! : { record: OF_NOTHING, choices: [] }
    );
  }

  /**
   * Puts the routing of texts, at most MAX_ROUTED_ROWS, before what is recorded next.
   */
  record(inquiries: readonly Inquiry[], wantProbabilities = false): Promise<DeskOutput> {
    return this.#record(this.router, inquiries, wantProbabilities);
  }

  async #record(
    router: ResidentRouter,
    inquiries: readonly Inquiry[],
    wantProbabilities: boolean,
  ): Promise<DeskOutput> {
    const { classes } = router;
    const targets = classes.snapshot();
    const output = await router.record(this.#recorder, {
      texts: inquiries.map(({ text }) => text),
      orders: inquiries.map(({ row, options, inForce }) => ({
        row,
        options,
        previous: inForce && known(inForce.map(({ label, weight }) => ({
          classIndex: classes.indexOf(label),
          weight,
        }))),
      })),
      slots: slotsOf(targets, this.#slotOf),
      wantProbabilities,
    });
    const records = { buffer: router.records, bytes: inquiries.length * RECORD_BYTES };
    const read = (data: ArrayBuffer) =>
      readRecords(data, inquiries.length).map((record) => ({
        record,
        choices: record.choices.map(({ classIndex, weight, slot }) => ({
          ...targets[classIndex]!,
          weight,
          isHere: slot !== null,
        })),
      }));
    return { features: output.features, records, read, dispose: () => output.dispose() };
  }

  /** Nothing may be under way. */
  async dispose(): Promise<void> {
    const closing = this.close();
    await this.serve();
    await closing;
    await this.#readback?.close();
  }

  async #routesOf(texts: readonly Uint32Array[], options: RoutingOptions): Promise<TextRoute[]> {
    const { router } = this;
    const output = await this.record(
      texts.map((text) => ({ text, options, inForce: null, row: null })),
      true,
    );
    const width = router.classes.size;
    const [records, probabilities] = await this.#read([
      output.records,
      { buffer: router.probabilities, bytes: 4 * texts.length * width },
    ]);
    output.dispose();
    const places = [...router.info.labels, ...router.info.prototypes]
      .map((label) => router.classes.indexOf(label)!);
    return readRecords(records, texts.length).map((record, i) => {
      if (record.failed) throw notNumbers();
      const row = new Float32Array(probabilities, 4 * i * width, width);
      return {
        choices: record.choices.map(({ classIndex, weight }) => ({
          classIndex: places.indexOf(classIndex),
          weight,
        })),
        confidence: record.confidence,
        entropy: record.entropy,
        abstained: record.abstained,
        kept: false,
        probabilities: Float32Array.from(places, (place) => row[place]),
      };
    });
  }

  async #featuresOf(
    router: ResidentRouter,
    texts: readonly Uint32Array[],
  ): Promise<Float32Array[]> {
    this.#requireInPlace(router);
    const width = router.info.features!;
    const output = await this.record(
      texts.map((text) => ({ text, options: DEFAULT_ROUTING, inForce: null, row: null })),
    );
    const [features] = await this.#read([
      { buffer: output.features!, bytes: 4 * texts.length * width },
    ]);
    output.dispose();
    return texts.map((_, i) => new Float32Array(features, 4 * i * width, width));
  }

  #requireInPlace(router: ResidentRouter): void {
    if (this.#installed?.router === router) return;
    throw new WeftError("conflict", "Cannot make a class for a router that is not in place now", {
      reason: "router_superseded",
    });
  }

  #read(parts: { buffer: GPUBuffer; bytes: number }[]): Promise<ArrayBuffer[]> {
    return this.#readback!.read(this.#recorder, parts);
  }

  /** Runs work between two steps, the one in flight among them; its failure is the caller's. */
  #between<T>(work: () => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#errands.push(() => work().then(resolve, reject));
    this.#wake();
    return promise;
  }

  /** Runs the kernels around the router once, so that drivers compile them before a request waits. */
  async #warmUp(router: ResidentRouter): Promise<void> {
    const inquiry = { text: [0], options: DEFAULT_ROUTING, inForce: null, row: null };
    router.classes.setTargets(router.info.labels.map((label) => ({ label, generation: null })));
    const output = await this.#record(router, [inquiry], true);
    const [data] = await this.#read([output.records]);
    output.dispose();
    router.classes.setTargets([]);
    if (output.read(data)[0].record.failed) {
      throw refused("its logits are not numbers for a text of token 0");
    }
  }

  #install(next: Installed | null): Promise<void> {
    return this.#between(async () => {
      const before = this.#installed;
      // Names stand for the same adapters under any router.
      if (before && next) next.router.classes.setTargets(before.router.classes.targets);
      this.#installed = next;
      await before?.router.close();
    });
  }
}

/** The mixture, or null when one of its classes is gone. */
function known(
  choices: { classIndex: number | null; weight: number }[],
): { classIndex: number; weight: number }[] | null {
  const isKnown = (choice: { classIndex: number | null; weight: number }): choice is {
    classIndex: number;
    weight: number;
  } => choice.classIndex !== null;
  return choices.every(isKnown) ? choices : null;
}

function* batches<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let i = 0; i < items.length; i += MAX_ROUTED_ROWS) yield items.slice(i, i + MAX_ROUTED_ROWS);
}

export function noRouter(): WeftError {
  return new WeftError("unavailable", "Cannot route: no router is in place", {
    reason: "no_router",
  });
}

/** What a router is told whose logits hold a NaN or an infinity. */
export function notNumbers(): WeftError {
  return new WeftError("internal", "Cannot route: the router's logits are not numbers", {
    reason: "router_not_numbers",
  });
}
