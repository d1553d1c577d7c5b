import type { Behaviour, Exchange } from "./fault_server.ts";

/** What an object is served with. */
export interface ObjectOptions {
  /** With its quotes (`"v1"`, `W/"v1"`); null for none. */
  etag?: string | null;
  headers?: Readonly<Record<string, string>>;
  /** Bytes a write, and the pause after each. */
  chunkBytes?: number;
  pauseMs?: number;
  /** Always answers 200 with everything. */
  ignoresRange?: boolean;
}

/** A well-behaved object: Range, If-Range, If-Match, If-None-Match and HEAD as RFC 9110 has them. */
export function object(bytes: Uint8Array, options: ObjectOptions = {}): Behaviour {
  const etag = options.etag === undefined ? '"v1"' : options.etag;
  return async (exchange) => {
    const asked = exchange.request.headers;
    const headers = {
      ...etag === null ? {} : { etag },
      "accept-ranges": "bytes",
      ...options.headers,
    };
    const ifMatch = asked.get("if-match");
    if (ifMatch !== null && (etag === null || !isStrongMatch(ifMatch, etag))) {
      return await exchange.answer(412, headers);
    }
    const ifNoneMatch = asked.get("if-none-match");
    if (ifNoneMatch !== null && etag !== null && isWeakMatch(ifNoneMatch, etag)) {
      return await exchange.answer(304, headers);
    }
    const ifRange = asked.get("if-range");
    const honoursRange = !options.ignoresRange &&
      (ifRange === null || (etag !== null && isStrongMatch(ifRange, etag)));
    const range = honoursRange ? asked.get("range")?.match(/^bytes=(\d+)-(\d*)$/) : undefined;
    if (!range) return await send(exchange, { status: 200, headers, bytes, options });
    const first = Number(range[1]);
    const last = Math.min(range[2] === "" ? Infinity : Number(range[2]), bytes.length - 1);
    if (first > last) {
      return await exchange.answer(416, { ...headers, "content-range": `bytes */${bytes.length}` });
    }
    await send(exchange, {
      status: 206,
      headers: { ...headers, "content-range": `bytes ${first}-${last}/${bytes.length}` },
      bytes: bytes.subarray(first, last + 1),
      options,
    });
  };
}

interface Sent {
  status: number;
  headers: Readonly<Record<string, string>>;
  bytes: Uint8Array;
  options: ObjectOptions;
}

async function send(exchange: Exchange, { status, headers, bytes, options }: Sent): Promise<void> {
  exchange.head(status, { ...headers, "content-length": String(bytes.length) });
  if (exchange.request.method === "HEAD") return;
  const chunkBytes = options.chunkBytes ?? (1 << 16);
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    await exchange.write(bytes.subarray(at, at + chunkBytes));
    if (options.pauseMs) await exchange.pause(options.pauseMs);
  }
}

/** The nth request meets the nth behaviour; the last one stays. */
export function sequence(...behaviours: [Behaviour, ...Behaviour[]]): Behaviour {
  let next = 0;
  return (exchange) => behaviours[Math.min(next++, behaviours.length - 1)](exchange);
}

/** Other content and another ETag at each request. */
export function changing(contents: readonly Uint8Array[]): Behaviour {
  const versions = contents.map((bytes, index) => object(bytes, { etag: `"v${index + 1}"` }));
  return sequence(versions[0], ...versions.slice(1));
}

/** A status with a body of text. */
export function status(
  code: number,
  headers: Readonly<Record<string, string>> = {},
  text = "",
): Behaviour {
  return (exchange) => exchange.answer(code, headers, text);
}

export function redirect(location: string, code = 302): Behaviour {
  return status(code, { location });
}

/** Honours ranges and conditions, but breaks off after so many bytes of each answer's body. */
export function truncated(
  bytes: Uint8Array,
  { afterBytes, ...options }: ObjectOptions & { afterBytes: number },
): Behaviour {
  const whole = object(bytes, { ...options, chunkBytes: options.chunkBytes ?? afterBytes });
  return (exchange) => {
    exchange.breakAfter(afterBytes);
    return whole(exchange);
  };
}

/** Announces a length other than that of what it sends, and then closes. */
export function wrongLength(bytes: Uint8Array, announced: number): Behaviour {
  return async (exchange) => {
    exchange.head(200, { "content-length": String(announced), connection: "close" });
    await exchange.write(bytes);
    exchange.close();
  };
}

/** Reads the request and never answers. */
export function stall(): Behaviour {
  return (exchange) => exchange.closed;
}

/** Sends the head and the first bytes, then nothing more. */
export function stallAfter(bytes: Uint8Array, afterBytes: number): Behaviour {
  return async (exchange) => {
    exchange.head(200, { etag: '"v1"', "content-length": String(bytes.length) });
    await exchange.write(bytes.subarray(0, afterBytes));
    await exchange.closed;
  };
}

/** A body without length and without end. */
export function endless(chunkBytes = 1 << 16): Behaviour {
  const chunk = new Uint8Array(chunkBytes);
  return async (exchange) => {
    exchange.head(200, { connection: "close" });
    while (!exchange.isClosed) await exchange.write(chunk);
  };
}

/** Closes without an answer. */
export function hangUp(): Behaviour {
  return (exchange) => Promise.resolve(exchange.close());
}

/** These bytes instead of an HTTP answer, then closes. */
export function raw(text: string): Behaviour {
  return async (exchange) => {
    await exchange.write(new TextEncoder().encode(text));
    exchange.close();
  };
}

/** RFC 9110, 8.8.3.2. */
function isStrongMatch(condition: string, etag: string): boolean {
  return condition === "*" ||
    tagsOf(condition).some((tag) => tag === etag && !tag.startsWith("W/"));
}

function isWeakMatch(condition: string, etag: string): boolean {
  const opaque = (tag: string) => tag.replace(/^W\//, "");
  return condition === "*" || tagsOf(condition).some((tag) => opaque(tag) === opaque(etag));
}

function tagsOf(condition: string): string[] {
  return condition.split(",").map((tag) => tag.trim());
}
