/** Origins that misbehave, each in its own way. */
import { type Behaviour, type Exchange, FaultServer } from "../../adapters/fault_server.ts";
import {
  endless,
  hangUp,
  object,
  raw,
  redirect,
  stall,
  stallAfter,
  status,
  truncated,
  wrongLength,
} from "../../adapters/faults.ts";
import { REFUSED_REDIRECTS } from "../../adapters/http/redirect_corpus.ts";
import type { Content } from "../adapter_origin.ts";
import { type HostileCase, SECRET } from "./cases.ts";

const CONFIG = "adapter_config.json";
const WEIGHTS = "adapter_model.safetensors";
const OK = "HTTP/1.1 200 OK\r\n";

interface Fault {
  config?: Behaviour;
  weights?: Behaviour;
  code: string;
}

/** Faults of an origin whose other file is good. */
function faults({ config, weights }: Content): Record<string, Fault> {
  return {
    "never answers": { config: stall(), code: "total_timeout" },
    "stops in the middle": { weights: stallAfter(weights, 1000), code: "total_timeout" },
    "drips": { weights: object(weights, { chunkBytes: 16, pauseMs: 50 }), code: "total_timeout" },
    "announces more than it sends": {
      weights: wrongLength(weights, weights.length + 1),
      code: "truncated",
    },
    "ends in the middle of a chunk": {
      weights: raw(`${OK}transfer-encoding: chunked\r\n\r\nff\r\nabc`),
      code: "truncated",
    },
    "hangs up": { config: hangUp(), code: "connect_failed" },
    "sends nonsense": { config: raw("SSH-2.0-x\r\n\r\n"), code: "bad_response" },
    "announces two lengths": {
      config: raw(`${OK}content-length: 3\r\ncontent-length: 5\r\n\r\nabcde`),
      code: "bad_response",
    },
    "announces a length and chunks": {
      config: raw(
        `${OK}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
      ),
      code: "bad_response",
    },
    "sends endless headers": {
      config: raw(`${OK}${`x: ${"y".repeat(1000)}\r\n`.repeat(100)}\r\n`),
      code: "bad_response",
    },
    "compresses, unasked": {
      config: status(200, { "content-encoding": "gzip" }, "x"),
      code: "bad_response",
    },
    "sends a range, unasked": {
      weights: status(206, { "content-range": "bytes 0-0/1" }, "x"),
      code: "bad_response",
    },
    "says that nothing changed, unasked": { config: status(304), code: "bad_response" },
    "has no content": { config: status(204), code: "bad_response" },
    "upgrades": {
      config: raw("HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
      code: "bad_response",
    },
    "changes its ETag at every request": { config: everChanging(config), code: "content_changed" },
    "sends tensors without end": { weights: endless(), code: "download_too_large" },
    "sends a configuration without end": { config: endless(), code: "download_too_large" },
    "announces too much": {
      weights: async (exchange) => {
        exchange.head(200, { etag: '"v1"', "content-length": String(10 * 2 ** 30) });
        await exchange.flush();
        await exchange.closed;
      },
      code: "download_too_large",
    },
    "sends a configuration beyond all": {
      config: object(new Uint8Array(1_000_001).fill(32)),
      code: "download_too_large",
    },
    "has no tensors": { weights: status(404), code: "missing_file" },
    "has no configuration": { config: status(410), code: "missing_file" },
    "asks for credentials": { config: status(401), code: "origin_unauthorized" },
    "forbids": { weights: status(403), code: "origin_unauthorized" },
    "is broken": { config: status(500), code: "origin_error" },
    "is a teapot": { config: status(418), code: "origin_error" },
    "asks for an hour": { config: status(503, { "retry-after": "3600" }), code: "origin_error" },
    "redirects nowhere": { config: status(302), code: "bad_response" },
    "redirects to no URL": { config: redirect("https://[::1"), code: "bad_response" },
    "redirects in a circle": { config: redirect(CONFIG), code: "too_many_redirects" },
    ...Object.fromEntries(
      redirects().map((to) => [
        `redirects to ${to}`,
        { config: redirect(to), code: "redirect_not_allowed" },
      ]),
    ),
  };
}

/** Of the corpus, what an http origin and this server's flags allow. */
const NOT_HERE = ["https://a.example.test/", "//[::1]/"];

/** Those that are refused by themselves, for a reason of their own, also away from http. */
function redirects(): string[] {
  return [
    ...REFUSED_REDIRECTS
      .filter(([to, because]) => because !== undefined && !NOT_HERE.includes(to))
      .map(([to]) => to.replaceAll("PORT", "8443").replaceAll("SECRET", SECRET)),
    `https://10.0.0.1/?sig=${SECRET}`,
    "http://10.0.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[::ffff:169.254.169.254]/",
    "https://localhost:8444/",
  ];
}

/** Other content under another ETag each time it is asked for. */
function everChanging(bytes: Uint8Array<ArrayBuffer>): Behaviour {
  let version = 0;
  return (exchange: Exchange) => {
    const own = new Uint8Array([...bytes, ...new TextEncoder().encode(" ".repeat(++version))]);
    return object(own, { etag: `"${version}"` })(exchange);
  };
}

/** Two origins, of which one speaks TLS under a certificate that nobody trusts. */
export class HostileOrigins implements AsyncDisposable {
  readonly plain = FaultServer.start();
  readonly #tls = FaultServer.start({}, { tls: true, hostname: "::1" });
  readonly #mute = FaultServer.start({}, { hostname: "::1" });

  /** What lets a server fetch from here. */
  get flags(): string[] {
    return [
      "--allow-insecure-loopback",
      ...["--allow-adapter-network", "::1"],
      ...[this.#tls, this.#mute].flatMap(({ port }) => ["--allow-adapter-host", `[::1]:${port}`]),
    ];
  }

  /** The URL of a folder with these two files. */
  place(folder: string, { config, weights }: Content): string {
    return this.#place(folder, { config: object(config), weights: object(weights) });
  }

  /** The URL of an adapter whose connection breaks again and again, but goes on each time. */
  resumable({ config, weights }: Content): string {
    return this.#place("resumable", {
      config: object(config),
      weights: truncated(weights, { afterBytes: Math.ceil(weights.length / 4) }),
    });
  }

  faults(content: Content): HostileCase[] {
    const cases = Object.entries(faults(content)).map(([what, fault], i): HostileCase => {
      const { config = object(content.config), weights = object(content.weights), code } = fault;
      return {
        what: `an origin that ${what}`,
        url: this.#place(`fault-${i}`, { config, weights }),
        code,
      };
    });
    const mute = this.#mute.url("/a").href.replace("http:", "https:");
    return [
      ...cases,
      { what: "an untrusted certificate", url: this.#tls.url("/a").href, code: "tls_failed" },
      { what: "a TLS handshake that never ends", url: mute, code: "total_timeout" },
      { what: "nobody listens", url: `http://127.0.0.1:${freePort()}/a`, code: "connect_failed" },
    ];
  }

  #place(folder: string, { config, weights }: { config: Behaviour; weights: Behaviour }): string {
    this.plain.paths.set(`/${folder}/${CONFIG}`, config);
    this.plain.paths.set(`/${folder}/${WEIGHTS}`, weights);
    return this.plain.url(`/${folder}?sig=${SECRET}`).href;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using _origins = new AsyncDisposableStack();
    for (const server of [this.plain, this.#tls, this.#mute]) _origins.use(server);
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
