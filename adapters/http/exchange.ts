import type { Buffer } from "node:buffer";
import type { LookupAddress, LookupOptions } from "node:dns";
import http, { type ClientRequest, type IncomingMessage } from "node:http";
import https from "node:https";
import type { LookupFunction, Socket } from "node:net";
import { messageOf, WeftError } from "../../engine/core/errors.ts";
import { adapterError, type AdapterReason } from "../reasons.ts";
import type { OriginRequest, OriginResponse } from "./client.ts";
import { describeUrl } from "./describe_url.ts";
import { literalAddress } from "./host_policy.ts";

const MAX_HEAD_BYTES = 1 << 15;

/** What an exchange needs beside the request. */
export interface ExchangeOptions {
  /** Holds the kept connections; its kind is that of the URL's scheme. */
  agent: http.Agent;
  /** The checked addresses of the URL's host. Not asked where the host is an address: that was checked before. */
  resolve(): Promise<LookupAddress[]>;
  /** Told the address of each new connection; a throw ends it. */
  onConnect(address: string): void;
  /** Resolving, connecting and the TLS handshake together. */
  connectTimeoutMs: number;
  /** From the request to the answer's head, and then from one chunk of the body to the next. */
  idleTimeoutMs: number;
}

/** How far it got: decides what a failure means. */
type Stage = "connect" | "handshake" | "head" | "body";

/** One request and its answer over HTTP/1.1, without redirects. */
export class Exchange {
  readonly #asked: OriginRequest;
  readonly #options: ExchangeOptions;
  readonly #request: ClientRequest;
  readonly #answer = Promise.withResolvers<IncomingMessage>();
  #stage: Stage = "connect";
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The parser's complaint about a body arrives apart from the body's own end. */
  #failure: unknown;

  constructor(asked: OriginRequest, options: ExchangeOptions) {
    this.#asked = asked;
    this.#options = options;
    this.#request = this.#open();
    const abort = () => this.#destroy(asked.signal.reason);
    asked.signal.addEventListener("abort", abort);
    this.#request
      .on("socket", (socket: Socket) => this.#take(socket))
      .on("response", (response: IncomingMessage) => this.#answer.resolve(response))
      .on("upgrade", (_response: IncomingMessage, socket: Socket) => socket.destroy())
      .on("error", (error: unknown) => this.#fail(error))
      .on("close", () => {
        clearTimeout(this.#timer);
        asked.signal.removeEventListener("abort", abort);
        this.#fail(new Error("closed without an answer"));
      })
      .end();
  }

  /** Whether it failed only because the origin had closed a kept connection meanwhile: then it may be repeated. */
  get metStaleConnection(): boolean {
    return this.#request.reusedSocket && this.#stage === "head" && isReset(this.#failure);
  }

  /** @throws {WeftError} with an adapter reason, or the signal's reason. */
  async response(): Promise<OriginResponse> {
    let message: IncomingMessage;
    try {
      message = await this.#answer.promise;
    } catch (error) {
      throw this.#explain(error);
    }
    clearTimeout(this.#timer);
    this.#stage = "body";
    message.on("error", () => {}); // told by the body, once someone reads it
    try {
      const headers = headersOf(message);
      const status = message.statusCode ?? 0;
      this.#checkCoding(status, headers);
      return { status, headers, body: this.#body(message, headers) };
    } catch (error) {
      this.#destroy(error);
      throw this.#explain(error);
    }
  }

  #open(): ClientRequest {
    const { url, method = "GET", headers, credentials } = this.#asked;
    const literal = literalAddress(url);
    const transport = url.protocol === "https:" ? https : http;
    try {
      return transport.request({
        method,
        // The brackets of IPv6 are the URL's.
        host: literal ?? url.hostname,
        // The certificate must hold what the URL says; an address is no server name (RFC 6066).
        servername: literal === null ? url.hostname : "",
        port: url.port || undefined,
        path: `${url.pathname}${url.search}`,
        headers: {
          "user-agent": "weft",
          ...headers,
          ...credentials,
          "accept-encoding": "identity",
        },
        agent: this.#options.agent,
        lookup: (_host, how, callback) => this.#lookUp(how, callback),
        maxHeaderSize: MAX_HEAD_BYTES,
      });
    } catch (error) {
      // Names the header, not its value.
      throw new WeftError("invalid_request", `Cannot ask ${describeUrl(url)}: ${messageOf(error)}`);
    }
  }

  #lookUp({ all }: LookupOptions, callback: Parameters<LookupFunction>[2]): void {
    this.#options.resolve().then(
      (found) => all ? callback(null, found) : callback(null, found[0].address, found[0].family),
      (error) => callback(error, []),
    ).catch((error) => this.#destroy(error)); // connecting begins within the callback, and may throw
  }

  /**
   * Deno 2.9.6 makes a request anew, on a new connection, when a kept one closes before an answer came: also where
   * it was destroyed, and then nothing would end it.
   */
  #take(socket: Socket): void {
    if (this.#failure === undefined) return this.#watch(socket);
    socket.destroy();
    this.#request.destroy();
  }

  #watch(socket: Socket): void {
    if (!socket.connecting) return this.#awaitHead();
    const { connectTimeoutMs } = this.#options;
    this.#deadline(
      connectTimeoutMs,
      "connect_timeout",
      `no connection within ${connectTimeoutMs} ms`,
    );
    const isTls = this.#asked.url.protocol === "https:";
    socket.once("connect", () => {
      this.#stage = isTls ? "handshake" : "head";
      try {
        this.#options.onConnect(socket.remoteAddress ?? "");
      } catch (error) {
        return this.#destroy(error);
      }
      if (!isTls) this.#awaitHead();
    });
    if (isTls) socket.once("secureConnect", () => this.#awaitHead());
  }

  #awaitHead(): void {
    this.#stage = "head";
    const { idleTimeoutMs } = this.#options;
    this.#deadline(idleTimeoutMs, "idle_timeout", `no answer within ${idleTimeoutMs} ms`);
  }

  #deadline(ms: number, reason: AdapterReason, why: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#destroy(this.#error(reason, why)), ms);
  }

  /** Compressed content would have other bytes, ranges and lengths than were asked for. */
  #checkCoding(status: number, headers: Headers): void {
    const transfer = headers.get("transfer-encoding") ?? "chunked";
    if (transfer.toLowerCase() !== "chunked") {
      throw this.#error("bad_response", `it answered with transfer-encoding "${cut(transfer)}"`);
    }
    const content = headers.get("content-encoding") ?? "identity";
    if (status >= 200 && status < 300 && content.toLowerCase() !== "identity") {
      throw this.#error(
        "bad_response",
        `it answered with content-encoding "${cut(content)}", unasked`,
      );
    }
  }

  #body(message: IncomingMessage, headers: Headers): OriginResponse["body"] {
    const status = message.statusCode;
    const isEmpty = this.#asked.method === "HEAD" || status === 204 || status === 304 ||
      headers.get("content-length") === "0";
    // Nothing to read: the connection is free again, whether or not someone looks at the body.
    if (isEmpty) message.resume();
    const chunks: AsyncIterator<Buffer<ArrayBuffer>> = message[Symbol.asyncIterator]();
    const { idleTimeoutMs } = this.#options;
    return new ReadableStream({
      start: (controller) => isEmpty ? controller.close() : undefined,
      pull: async (controller) => {
        this.#deadline(idleTimeoutMs, "idle_timeout", `nothing came for ${idleTimeoutMs} ms`);
        try {
          const { done, value } = await chunks.next();
          if (done) return controller.close();
          controller.enqueue(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
        } catch (error) {
          controller.error(this.#explain(error));
        } finally {
          clearTimeout(this.#timer);
        }
      },
      cancel: () => this.#destroy(new Error("cancelled")),
    }, { highWaterMark: 0 });
  }

  #destroy(cause: unknown): void {
    this.#failure ??= cause;
    this.#request.destroy();
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#answer.reject(error);
  }

  #explain(error: unknown): unknown {
    const { signal } = this.#asked;
    if (signal.aborted) return signal.reason;
    const cause = this.#failure ?? error;
    if (cause instanceof WeftError) return cause;
    return this.#error(this.#reasonOf(cause), whatHappened(cause), cause);
  }

  #reasonOf(cause: unknown): AdapterReason {
    if (codeOf(cause).startsWith("HPE_")) return "bad_response";
    switch (this.#stage) {
      case "connect":
        return "connect_failed";
      case "handshake":
        return "tls_failed";
      case "head":
        return isReset(cause) ? "connect_failed" : "bad_response";
      case "body":
        return "truncated";
    }
  }

  #error(reason: AdapterReason, why: string, cause?: unknown): WeftError {
    return adapterError(reason, `Cannot fetch ${describeUrl(this.#asked.url)}: ${why}`, { cause });
  }
}

/** What an origin says, short enough for a message. */
function cut(text: string): string {
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}

function headersOf(message: IncomingMessage): Headers {
  const headers = new Headers();
  for (let at = 0; at < message.rawHeaders.length; at += 2) {
    headers.append(message.rawHeaders[at], message.rawHeaders[at + 1]);
  }
  return headers;
}

function whatHappened(cause: unknown): string {
  // One failure for each address that was tried.
  if (cause instanceof AggregateError) return cause.errors.map(messageOf).join("; ");
  return messageOf(cause);
}

function isReset(cause: unknown): boolean {
  return ["ECONNRESET", "EPIPE", "ECONNABORTED"].includes(codeOf(cause));
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && "code" in cause ? String(cause.code) : "";
}
