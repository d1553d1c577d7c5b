import { type AdapterEntry, unknownAdapter } from "./entry.ts";
import type { Names } from "./names.ts";
import type { Resolver } from "./resolver.ts";
import type { Tiers } from "./tiers.ts";

export interface PinsOptions {
  names: Names;
  tiers: Tiers;
  resolver: Resolver;
}

/** Names whose content stays on every tier. */
export class Pins {
  readonly #names: Names;
  readonly #tiers: Tiers;
  readonly #resolver: Resolver;
  #underWay = 0;

  constructor({ names, tiers, resolver }: PinsOptions) {
    this.#names = names;
    this.#tiers = tiers;
    this.#resolver = resolver;
  }

  get isIdle(): boolean {
    return this.#underWay === 0;
  }

  /** @throws {WeftError} why its content can't be had, or stay. What `signal` holds when it aborts. */
  async pin(entry: AdapterEntry, signal: AbortSignal): Promise<void> {
    await this.#pinWhile(() => true, { entry, signal });
  }

  /** The same for a name that is to be pinned already; should it be unpinned meanwhile, it stays so. @throws As `pin`. */
  async restore(entry: AdapterEntry, signal: AbortSignal): Promise<void> {
    await this.#pinWhile(() => entry.isPinned, { entry, signal });
  }

  /** @throws {WeftError} `adapter_not_found` while the name stands for nothing. */
  unpin(entry: AdapterEntry): void {
    if (!entry.isCommitted) throw unknownAdapter(entry.name);
    if (entry.isPinned) this.#names.commit(entry, { isPinned: false });
    entry.replacePin(null);
  }

  async #pinWhile(isWanted: () => boolean, pinning: Pinning): Promise<void> {
    this.#underWay++;
    try {
      while (isWanted() && !await this.#tryToPin(isWanted, pinning));
    } finally {
      this.#underWay--;
    }
  }

  /** False when the name moved meanwhile, or is not to be pinned any more. */
  async #tryToPin(isWanted: () => boolean, { entry, signal }: Pinning): Promise<boolean> {
    const { hold } = await this.#resolver.find(entry, signal);
    const { generation } = hold;
    const pin = await this.#tiers.pin(hold, signal).finally(() => hold.release());
    try {
      entry.gone.throwIfAborted();
      if (!isWanted() || entry.content?.generation !== generation) {
        pin.release();
        return false;
      }
      if (!entry.isPinned) this.#names.commit(entry, { isPinned: true });
    } catch (error) {
      pin.release();
      throw error;
    }
    entry.replacePin(pin);
    return true;
  }
}

interface Pinning {
  entry: AdapterEntry;
  signal: AbortSignal;
}
