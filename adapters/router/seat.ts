import { messageOf, WeftError } from "../../engine/core/errors.ts";
import type { EngineRouter } from "../../engine/core/engine.ts";
import type { RouterInfo, RoutingVocabulary } from "../../engine/core/router.ts";
import type { Origins } from "../origin.ts";
import { adapterError } from "../reasons.ts";
import { underSignals } from "../signals.ts";
import type { KeptRouter } from "./kept_router.ts";
import { sha256Of } from "./sha256.ts";

const MAX_FILE_BYTES = 256 * 2 ** 20;

/** The router in place and who put it there: the command line, the model's directory, or an order. */
export interface SeatedRouter {
  info: RouterInfo;
  /** Its URL or path, without query and user. */
  url: string;
  source: "flag" | "model" | "api";
}

export interface RouterSeatOptions {
  engine: Pick<EngineRouter, "info" | "open" | "close">;
  /** Asked for when there is a router to open. */
  vocabulary: () => RoutingVocabulary;
  origins: Pick<Origins, "object">;
  kept: Pick<KeptRouter, "order" | "note" | "keep" | "read" | "removeOthers">;
  /** What the server was started with; see RouterOrder. */
  startedWith: string;
  /** The router has changed: its classes are off. Runs in the very step. */
  onChange(): void;
}

/** Which router a server starts with, unless a later order says otherwise. */
export interface RouterStart {
  /** What the command line asks for: a URL or path, "none", or nothing. */
  asked: string | null;
  /** The path of the model's own. */
  own: string | null;
}

export interface RouterSwap {
  url: string;
  /** What the file's must be, lower-case hex. */
  sha256?: string;
  /** Refused unless this one is in place now; null: unless none is. */
  expectedGeneration?: string | null;
  signal: AbortSignal;
}

type Seated = Pick<SeatedRouter, "url" | "source"> & {
  read: () => Promise<Uint8Array<ArrayBuffer>>;
};

/** The router's place in the engine: who holds it changes by order, one at a time, and is remembered. */
export class RouterSeat {
  readonly #options: RouterSeatOptions;
  #present: Seated | null = null;
  /** The latest swap that still fetches. */
  #fetching: AbortController | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: RouterSeatOptions) {
    this.#options = options;
  }

  get present(): SeatedRouter | null {
    const { info } = this.#options.engine;
    if (info === null || this.#present === null) return null;
    const { url, source } = this.#present;
    return { info, url, source };
  }

  /**
   * Puts the router of the latest order in place, else the one that the server is started with. Where the command
   * line doesn't ask for it, one that is no good is left out, and the error is returned.
   *
   * @throws {WeftError} why what the command line asks for can't be used.
   */
  async start({ asked, own }: RouterStart): Promise<WeftError | null> {
    const { kept, startedWith } = this.#options;
    const order = kept.order();
    if (order?.startedWith === startedWith) return await this.#tryOrder(order.router);
    await kept.removeOthers(null);
    if (asked === "none") return null;
    if (asked !== null) {
      await this.#open(await this.#fetched(asked, { source: "flag" }));
      return null;
    }
    if (own === null) return null;
    return await this.#try(async () => this.#open(await this.#fetched(own, { source: "model" })));
  }

  /**
   * Fetches a router, opens it and puts it in place of the present one, which serves until then. A newer swap ends
   * one that still fetches.
   *
   * @throws {WeftError} why it can't be: nothing has changed then. What `signal` holds when it aborts before.
   */
  async swap(swap: RouterSwap): Promise<SeatedRouter> {
    const { origins } = this.#options;
    this.#refuseOther(swap);
    // Throws what needs no origin before another swap is ended.
    origins.object(swap.url, GUARDED);
    this.#fetching?.abort(conflict("a newer order took its place"));
    const fetching = new AbortController();
    this.#fetching = fetching;
    return await underSignals([swap.signal, fetching.signal], async (signal) => {
      const found = await this.#fetched(swap.url, { source: "api", signal });
      requireSha256(found, swap.sha256);
      return await this.#exclusively(async () => {
        signal.throwIfAborted();
        if (this.#fetching === fetching) this.#fetching = null;
        this.#refuseOther(swap);
        return await this.#take(found, swap.url);
      });
    });
  }

  /** Takes the router away. @throws {WeftError} `no_router` where there is none. */
  async remove(): Promise<void> {
    const { engine, kept, startedWith, onChange } = this.#options;
    this.#fetching?.abort(conflict("the router was removed"));
    await this.#exclusively(async () => {
      if (this.present === null) throw new WeftError("not_found", NONE, { reason: "no_router" });
      kept.note({ startedWith, router: null });
      this.#present = null;
      await engine.close();
      onChange();
      await kept.removeOthers(null);
    });
  }

  async #take(found: Found, url: string): Promise<SeatedRouter> {
    const { kept, startedWith } = this.#options;
    const { generation } = found;
    const before = this.#present;
    await kept.keep(found.file, generation);
    const seated = await this.#open({ ...found, read: () => kept.read(generation) });
    try {
      kept.note({ startedWith, router: { url, generation } });
    } catch (error) {
      // What can't be remembered isn't done.
      await this.#putBack(before);
      throw error;
    }
    await kept.removeOthers(generation);
    return seated;
  }

  async #putBack(before: Seated | null): Promise<void> {
    const { engine, onChange } = this.#options;
    try {
      if (before !== null) {
        const file = await before.read();
        await this.#open({ ...before, file, generation: sha256Of(file) });
        return;
      }
    } catch { /* Its file has gone: then none is in place, as after a restart. */ }
    this.#present = null;
    await engine.close();
    onChange();
  }

  async #open({ file, generation, url, source, read }: Found): Promise<SeatedRouter> {
    const { engine, vocabulary, onChange } = this.#options;
    try {
      const info = await engine.open({ file, generation }, vocabulary());
      this.#present = { url, source, read };
      onChange();
      return { info, url, source };
    } catch (error) {
      throw about(url, error);
    }
  }

  async #fetched(
    place: string,
    { source, signal = new AbortController().signal }: {
      source: SeatedRouter["source"];
      signal?: AbortSignal;
    },
  ): Promise<Found> {
    const { origins } = this.#options;
    const object = origins.object(place, source === "api" ? GUARDED : UNGUARDED);
    const read = async (signal: AbortSignal) => {
      try {
        return (await object.read({ signal }))!.bytes;
      } catch (error) {
        signal.throwIfAborted();
        throw about(object.location, error);
      }
    };
    const file = await read(signal);
    const again = () => read(new AbortController().signal);
    return { file, generation: sha256Of(file), url: object.location, source, read: again };
  }

  async #tryOrder(router: { url: string; generation: string } | null): Promise<WeftError | null> {
    if (router === null) return null;
    const { kept, origins } = this.#options;
    const { url, generation } = router;
    return await this.#try(async () => {
      const read = () => kept.read(generation);
      // An URL that is no longer allowed is no reason to drop what came from it.
      const location = locationOf(() => origins.object(url, UNGUARDED));
      const file = await read().catch((error) => {
        throw about(location, error);
      });
      await this.#open({ file, generation, url: location, source: "api", read });
    });
  }

  async #try(task: () => Promise<unknown>): Promise<WeftError | null> {
    try {
      await task();
      return null;
    } catch (error) {
      if (error instanceof WeftError && error.code !== "device_lost") return error;
      throw error;
    }
  }

  #refuseOther({ expectedGeneration: expected }: RouterSwap): void {
    if (expected === undefined) return;
    const present = this.present?.info.generation ?? null;
    if (present === expected) return;
    throw conflict(
      `expected is ${expected === null ? "none" : `the generation ${expected}`}, in place is ` +
        (present ?? "none"),
    );
  }

  #exclusively<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(action);
    this.#turn = result.catch(() => {});
    return result;
  }
}

interface Found extends Seated {
  file: Uint8Array<ArrayBuffer>;
  generation: string;
}

const UNGUARDED = { maxBytes: MAX_FILE_BYTES };
const GUARDED = { ...UNGUARDED, isGuarded: true };
const NONE = "There is no router in place";

function requireSha256({ url, generation }: Found, sha256: string | undefined): void {
  if (sha256 === undefined || sha256 === generation) return;
  const why = `its sha256 is ${generation}; required is ${sha256}`;
  throw about(url, adapterError("sha256_mismatch", why, { param: "sha256" }));
}

function conflict(why: string): WeftError {
  return adapterError("generation_conflict", `Cannot put the router in place: ${why}`);
}

function locationOf(open: () => { location: string }): string {
  try {
    return open().location;
  } catch {
    return "a URL that is not allowed any more";
  }
}

function about(url: string, error: unknown): unknown {
  if (!(error instanceof WeftError)) return error;
  const { code, param, reason, retryAfterSeconds } = error;
  const message = `Cannot use the router at ${url}: ${messageOf(error)}`;
  return new WeftError(code, message, { param, reason, retryAfterSeconds, cause: error });
}
