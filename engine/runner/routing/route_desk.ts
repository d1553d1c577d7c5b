import { WeftError } from "../../core/errors.ts";
import type {
  ClassTarget,
  PrototypeFit,
  RouterInfo,
  RouterSource,
  RoutingVocabulary,
} from "../../core/router.ts";
import type { RoutingOptions, TextRoute } from "../../core/routing.ts";
import type { Recorder } from "../../gpu/mod.ts";
import { fitPrototype, ResidentRouter, type RouterSurroundings } from "../../router/mod.ts";
import { Errands } from "./errands.ts";
import { type Inquiry, noRouter, type RoutedText } from "./routed_text.ts";
import { RouterRuns, type RunOutput } from "./router_runs.ts";
import { type SharedVocabulary, sharedVocabulary } from "./vocabulary.ts";

/** What is in place. */
interface Installed {
  router: ResidentRouter;
  vocabulary: SharedVocabulary;
  runs: RouterRuns;
}

/**
 * The router that is in place, and everything that is asked of it. A router is opened beside running
 * steps; its runs go between them, or in one.
 */
export class RouteDesk {
  readonly #surroundings: RouterSurroundings;
  readonly #parts: { recorder: Recorder; slotOf: (generation: string) => number | null };
  readonly #errands: Errands;
  /** Opened with the first router. */
  #runs: RouterRuns | null = null;
  #installed: Installed | null = null;
  /** Counts openings and closings: the latest order stands, however long an earlier one takes. */
  #orders = 0;
  /** Texts that were only asked about. */
  textRoutes = 0;

  constructor(
    surroundings: RouterSurroundings,
    { wake, ...parts }: {
      recorder: Recorder;
      slotOf: (generation: string) => number | null;
      /** Called when there is something for `serve`. */
      wake: () => void;
    },
  ) {
    this.#surroundings = surroundings;
    this.#parts = parts;
    this.#errands = new Errands(wake);
  }

  get info(): RouterInfo | null {
    return this.#installed?.router.info ?? null;
  }

  get vocabulary(): SharedVocabulary | null {
    return this.#installed?.vocabulary ?? null;
  }

  /** What the classes of the router in place stand for, by class. */
  get classes(): readonly (ClassTarget | null)[] {
    return this.#inPlace.router.classes.snapshot();
  }

  /** See EngineRouter.open. */
  async open(source: RouterSource, vocabulary: RoutingVocabulary): Promise<RouterInfo> {
    const order = ++this.#orders;
    const runs = this.#runs ??= await RouterRuns.open(this.#surroundings.kernels.gpu, this.#parts);
    const router = await ResidentRouter.open(this.#surroundings, source, vocabulary);
    try {
      await this.#errands.add(() => runs.warmUp(router));
      this.#requireLatest(order);
    } catch (error) {
      await router.close();
      throw error;
    }
    await this.#install({ router, vocabulary: sharedVocabulary(vocabulary), runs });
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
    const { router, runs } = this.#inPlace;
    const { features: width, temperature } = router.info;
    const { references } = router;
    if (width === null || references === undefined) {
      throw new WeftError(
        "unsupported",
        `Cannot make a class "${label}" from examples: the router has no features or no references`,
        { reason: "router_without_features" },
      );
    }
    const examples = await this.#errands.add(() => {
      this.#requireInPlace(router);
      return runs.features(router, texts);
    });
    // Steps go on between the parts of the fit.
    const pause = () => new Promise<void>((resolve) => setImmediate(resolve));
    const fit = await fitPrototype({ examples, references, width, temperature, pause });
    return await this.#errands.add(() => {
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
    return this.#errands.add(async () => {
      const { router, runs } = this.#inPlace;
      const routes = await runs.routes(router, texts, options);
      this.textRoutes += texts.length;
      return { router: router.info, routes };
    });
  }

  /** Does what waits for a moment between steps; false when nothing did. */
  serve(): Promise<boolean> {
    return this.#errands.run();
  }

  /** Waits for what the router says of texts. Between steps only. */
  ask(inquiries: readonly Inquiry[]): Promise<RoutedText[]> {
    const { router, runs } = this.#inPlace;
    return runs.ask(router, inquiries);
  }

  /** Puts the routing of rows, at most MAX_ROUTED_ROWS, before what is recorded next. */
  record(inquiries: readonly Inquiry[]): Promise<RunOutput> {
    const { router, runs } = this.#inPlace;
    return runs.record(router, inquiries);
  }

  /** Nothing may be under way. */
  async dispose(): Promise<void> {
    const closing = this.close();
    await this.serve();
    await closing;
    await this.#runs?.close();
  }

  /** @throws {WeftError} `unavailable`, reason "no_router". */
  get #inPlace(): Installed {
    if (!this.#installed) throw noRouter();
    return this.#installed;
  }

  #requireLatest(order: number): void {
    if (order === this.#orders) return;
    throw new WeftError("conflict", "Cannot put the router in place: another order came after it", {
      reason: "router_superseded",
    });
  }

  #requireInPlace(router: ResidentRouter): void {
    if (this.#installed?.router === router) return;
    throw new WeftError("conflict", "Cannot make a class for a router that is not in place now", {
      reason: "router_superseded",
    });
  }

  #install(next: Installed | null): Promise<void> {
    return this.#errands.add(async () => {
      const before = this.#installed;
      // Names stand for the same adapters under any router.
      if (before && next) next.router.classes.setTargets(before.router.classes.targets);
      this.#installed = next;
      await before?.router.close();
    });
  }
}
