import { WeftError } from "../../engine/core/errors.ts";
import { sleep } from "../clock.ts";
import type { OriginClient, OriginRequest, OriginResponse } from "../http/client.ts";
import type { FetchProgress } from "../origin.ts";
import { adapterError } from "../reasons.ts";
import type { ObjectStore } from "../sources/object_store.ts";
import {
  badResponse,
  etagOf,
  isStrong,
  lengthAfterRange,
  lengthOf,
  statusError,
} from "./answer.ts";
import type { Bandwidth } from "./bandwidth.ts";
import { DEFAULT_RETRY, delayAfter, isPassing, PassingFailure, type RetryPolicy } from "./retry.ts";
import type { Sink } from "./sink.ts";

/** How often an object may change under a download before it is given up. */
const MAX_RESTARTS = 3;

/** Something that can be asked for again and again. */
export interface Downloadable {
  /** For people; holds no secret. */
  readonly location: string;
  request(headers: Readonly<Record<string, string>>): Promise<Omit<OriginRequest, "signal">>;
}

export interface DownloadOptions {
  into: Sink;
  /** In bytes; more is refused, as early as the origin tells. */
  maxBytes: number;
  /** An ETag: nothing is downloaded while it is still that one. */
  unless?: string;
  signal: AbortSignal;
  onProgress?(progress: FetchProgress): void;
}

export interface Downloaded {
  /** With its quotes; null where the origin gives none. */
  etag: string | null;
  bytes: number;
  headers: Headers;
}

export interface DownloaderOptions {
  client: OriginClient;
  /** Shared by all downloads; without it nothing bounds them. */
  bandwidth?: Bandwidth;
  retry?: RetryPolicy;
}

/** An object of a store. */
export function objectAt(store: ObjectStore, key: string): Downloadable {
  return { location: store.locate(key), request: (headers) => store.request(key, headers) };
}

/** Downloads objects whole, in spite of connections that break. */
export class Downloader {
  readonly #client: OriginClient;
  readonly #bandwidth?: Bandwidth;
  readonly #retry: RetryPolicy;

  constructor({ client, bandwidth, retry = DEFAULT_RETRY }: DownloaderOptions) {
    this.#client = client;
    this.#bandwidth = bandwidth;
    this.#retry = retry;
  }

  /**
   * Brings the object as it is at one moment, or null while it is still the one that `unless` names. A broken
   * transfer goes on where it broke if the origin vouches for the same bytes by a strong ETag, and starts anew
   * otherwise.
   *
   * @throws {WeftError} `origin_not_found`, `origin_unauthorized`, `origin_error`, `bad_response`, `truncated`,
   *   `content_changed`, `download_too_large`, `disk_full`, and the client's own. What `signal` holds when it
   *   aborts.
   */
  async download(object: Downloadable, options: DownloadOptions): Promise<Downloaded | null> {
    const transfer = new Transfer(object, {
      ...options,
      client: this.#client,
      bandwidth: this.#bandwidth,
    });
    let failures = 0;
    while (true) {
      const before = transfer.resumableBytes;
      try {
        const outcome = await transfer.attempt();
        if (outcome === "unchanged") return null;
        if (outcome !== "anew") return outcome;
      } catch (error) {
        options.signal.throwIfAborted();
        if (!(error instanceof PassingFailure)) throw error;
        failures = transfer.resumableBytes > before ? 1 : failures + 1;
        const delayMs = delayAfter(error, { failures, policy: this.#retry });
        if (delayMs === null) throw error.error;
        await sleep(delayMs, options.signal);
      }
    }
  }

  /** The status of a request for the first byte alone: tells whether an object exists. */
  async probe(object: Downloadable, signal: AbortSignal): Promise<number> {
    const request = await object.request({ range: "bytes=0-0" });
    const { status, body } = await this.#client.request({ ...request, signal });
    await body.cancel();
    return status;
  }
}

interface TransferOptions extends DownloadOptions {
  client: OriginClient;
  bandwidth?: Bandwidth;
}

/** One object on its way, over as many requests as it takes. */
class Transfer {
  readonly #object: Downloadable;
  readonly #options: TransferOptions;
  /** Of the bytes in the sink. */
  #etag: string | null = null;
  #totalBytes: number | null = null;
  #knowsRanges = true;
  #restarts = 0;

  constructor(object: Downloadable, options: TransferOptions) {
    this.#object = object;
    this.#options = options;
  }

  /** What the next attempt need not ask for again. */
  get resumableBytes(): number {
    return this.#knowsRanges && isStrong(this.#etag) ? this.#options.into.length : 0;
  }

  /** One request. @throws {PassingFailure} when another may do better. */
  async attempt(): Promise<Downloaded | "unchanged" | "anew"> {
    const begin = this.resumableBytes;
    if (begin === 0) await this.#reset();
    const response = await this.#ask(begin);
    let isBodyTaken = false;
    try {
      const next = await this.#judge(response, begin);
      if (next !== "read") return next;
      isBodyTaken = true;
      await this.#read(response);
    } finally {
      if (!isBodyTaken) await response.body.cancel().catch(() => {});
    }
    return { etag: this.#etag, bytes: this.#options.into.length, headers: response.headers };
  }

  async #ask(begin: number): Promise<OriginResponse> {
    const { unless, client, signal } = this.#options;
    const headers: Record<string, string> = {};
    if (begin > 0) {
      headers["range"] = `bytes=${begin}-`;
      headers["if-match"] = this.#etag!;
    } else if (unless !== undefined) {
      headers["if-none-match"] = unless;
    }
    const request = await this.#object.request(headers);
    try {
      return await client.request({ ...request, signal });
    } catch (error) {
      throw isPassing(error) ? new PassingFailure(error) : error;
    }
  }

  /** What to do with an answer; takes note of what it says of the object. */
  async #judge(
    response: OriginResponse,
    begin: number,
  ): Promise<"read" | "unchanged" | "anew"> {
    const { location } = this.#object;
    const { status, headers } = response;
    if (status === 304 && begin === 0 && this.#options.unless !== undefined) return "unchanged";
    if (begin > 0 && (status === 412 || status === 416)) return this.#startAnew();
    if (status === 206 && begin > 0) {
      const total = lengthAfterRange(headers, { begin, location });
      const isSame = etagOf(headers) === this.#etag &&
        (this.#totalBytes === null || total === this.#totalBytes);
      if (!isSame) return this.#startAnew();
      this.#totalBytes = total;
    } else if (status === 200) {
      const etag = etagOf(headers);
      if (begin > 0) {
        // The whole object in place of what was there: it changed, or its origin knows no ranges.
        if (etag === this.#etag) this.#knowsRanges = false;
        else this.#startAnew();
        await this.#reset();
      }
      this.#etag = etag;
      this.#totalBytes = lengthOf(headers, location);
    } else if (status >= 200 && status < 400) {
      throw badResponse(location, `its status is ${status}`);
    } else {
      throw statusError(response, location);
    }
    if ((this.#totalBytes ?? 0) > this.#options.maxBytes) throw this.#tooLarge();
    return "read";
  }

  async #read({ body }: OriginResponse): Promise<void> {
    const { into, bandwidth, signal, onProgress } = this.#options;
    const totalBytes = this.#totalBytes;
    const reader = body.getReader();
    try {
      while (true) {
        const { done, value } = await reader.read().catch((error) => this.#endAt(error));
        if (done) break;
        await bandwidth?.take(value.byteLength, signal);
        this.#refuseExcess(into.length + value.byteLength);
        await into.write(value);
        onProgress?.({ doneBytes: into.length, totalBytes });
      }
    } finally {
      await reader.cancel().catch(() => {});
    }
    if (totalBytes !== null && into.length < totalBytes) {
      throw new PassingFailure(this.#truncated());
    }
  }

  #refuseExcess(length: number): void {
    if (length > this.#options.maxBytes) throw this.#tooLarge();
    if (this.#totalBytes === null || length <= this.#totalBytes) return;
    const { location } = this.#object;
    throw badResponse(location, `it is longer than the ${this.#totalBytes} bytes announced`);
  }

  /** A body that breaks when all of it came has ended; any other is an error. */
  #endAt(error: unknown): { done: true; value: undefined } {
    const { signal, into } = this.#options;
    signal.throwIfAborted();
    if (into.length === this.#totalBytes) return { done: true, value: undefined };
    if (error instanceof WeftError && !isPassing(error)) throw error;
    throw new PassingFailure(isPassing(error) ? error : this.#truncated());
  }

  #truncated(): WeftError {
    const done = this.#options.into.length;
    const of = this.#totalBytes === null ? "" : ` of ${this.#totalBytes}`;
    return adapterError(
      "truncated",
      `the connection for ${this.#object.location} ended after ${done}${of} bytes`,
    );
  }

  #startAnew(): "anew" {
    if (this.#restarts++ === MAX_RESTARTS) {
      throw adapterError(
        "content_changed",
        `${this.#object.location} changed again and again while it was downloaded`,
      );
    }
    this.#etag = null;
    return "anew";
  }

  async #reset(): Promise<void> {
    await this.#options.into.reset();
    this.#etag = null;
    this.#totalBytes = null;
  }

  #tooLarge(): WeftError {
    const { location } = this.#object;
    const size = this.#totalBytes === null ? "more" : `${this.#totalBytes} bytes`;
    return adapterError(
      "download_too_large",
      `${location} has ${size}; at most ${this.#options.maxBytes} bytes are allowed`,
    );
  }
}
