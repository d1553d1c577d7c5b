import type { WatchedObject } from "../origin.ts";
import { Periodic, type PeriodicOptions } from "../periodic.ts";
import { type Manifest, parseManifest } from "./manifest.ts";

/** `jitter`, `sleep` and `random` are as in Periodic. */
export interface ManifestWatcherOptions
  extends Pick<PeriodicOptions, "intervalMs" | "jitter" | "sleep" | "random"> {
  object: WatchedObject;
  /**
   * Brings this replica to what the manifest says. When it throws, the next poll tries again, even if the object is
   * the same: it compares with what is there and does what is left to do.
   */
  apply(manifest: Manifest, signal: AbortSignal): Promise<void>;
  /** Told of every poll that failed: the origin's error, the manifest's, or what `apply` threw. Must not throw. */
  onError(error: unknown): void;
}

/** What the latest answer of the origin held. */
interface Seen {
  version: string;
  content: { kind: "good"; manifest: Manifest; isApplied: boolean } | {
    kind: "bad";
    error: unknown;
  };
}

/**
 * Keeps this replica at what the fleet's manifest says. It only ever reads, so replicas need no write access and no
 * conditional PUT. While the manifest is unreachable or broken, what is there stays.
 */
export class ManifestWatcher {
  readonly #options: ManifestWatcherOptions;
  readonly #periodic: Periodic;
  #seen: Seen | null = null;

  constructor(options: ManifestWatcherOptions) {
    this.#options = options;
    this.#periodic = new Periodic({ ...options, run: (signal) => this.#poll(signal) });
  }

  /** Polls at once, then on the interval. */
  start(): void {
    this.#periodic.start();
  }

  /**
   * Resolves once this replica holds a manifest that was read after this call. `signal` stops the waiting only.
   *
   * @throws What `onError` is told of; an AbortError once stopped.
   */
  poll(signal?: AbortSignal): Promise<void> {
    return this.#periodic.now(signal);
  }

  /** Aborts a poll under way and resolves once it ended; there are no more after it. */
  stop(): Promise<void> {
    return this.#periodic.stop();
  }

  async #poll(signal: AbortSignal): Promise<void> {
    const { object, apply } = this.#options;
    const answer = await object.read({ unless: this.#seen?.version, signal });
    // An origin that knows no conditions sends what we have again.
    if (answer !== null && answer.version !== this.#seen?.version) {
      this.#seen = { version: answer.version, content: contentOf(answer.bytes) };
    }
    if (this.#seen === null) {
      throw new Error("The manifest's origin says that it is unchanged, though none was read yet");
    }
    const { content } = this.#seen;
    if (content.kind === "bad") throw content.error;
    if (content.isApplied) return;
    await apply(content.manifest, signal);
    content.isApplied = true;
  }
}

function contentOf(bytes: Uint8Array): Seen["content"] {
  try {
    return { kind: "good", manifest: parseManifest(bytes), isApplied: false };
  } catch (error) {
    return { kind: "bad", error };
  }
}
