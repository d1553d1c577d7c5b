/**
 * A real HTTP/1.1 server on a loopback socket whose every path can misbehave (see faults.ts). It writes bytes by
 * hand, because a proper server refuses to break off, to lie about a length or to answer nonsense.
 *
 *     await using server = FaultServer.start({ "/adapter_model.safetensors": object(bytes) });
 *     const response = await client.request({ url: server.url("/adapter_model.safetensors"), … });
 */

/** One request as it came. */
export interface SeenRequest {
  method: string;
  /** With the query. */
  path: string;
  headers: Headers;
}

/** What a path does with a request. */
export type Behaviour = (exchange: Exchange) => Promise<void>;

export interface FaultServerOptions {
  /** Present: serves TLS with tests/fixtures/tls (localhost, *.example.test, the loopback addresses). */
  tls?: boolean;
  hostname?: string;
}

const TLS = new URL("../fixtures/tls/", import.meta.url);
const MAX_HEAD_BYTES = 1 << 16;

/** The authority under which `tls` servers are trusted, PEM. */
export function testAuthority(): string {
  return Deno.readTextFileSync(new URL("authority.pem", TLS));
}

export class FaultServer implements AsyncDisposable {
  /** Path without query → behaviour; a path that isn't here answers 404. May be changed at any time. */
  readonly paths: Map<string, Behaviour>;
  /** In the order of arrival. */
  readonly requests: SeenRequest[] = [];
  /** How many connections were ever accepted. */
  connections = 0;
  readonly port: number;
  readonly #listener: Deno.Listener<Deno.TcpConn | Deno.TlsConn>;
  readonly #scheme: "http" | "https";
  readonly #hostname: string;
  readonly #open = new Map<Deno.TcpConn | Deno.TlsConn, Promise<void>>();
  readonly #done: Promise<void>;

  private constructor(paths: Record<string, Behaviour>, options: FaultServerOptions) {
    this.paths = new Map(Object.entries(paths));
    this.#scheme = options.tls ? "https" : "http";
    this.#hostname = options.hostname ?? "127.0.0.1";
    const at = { hostname: this.#hostname, port: 0 };
    this.#listener = options.tls
      ? Deno.listenTls({
        ...at,
        cert: Deno.readTextFileSync(new URL("server.pem", TLS)),
        key: Deno.readTextFileSync(new URL("server_key.pem", TLS)),
      })
      : Deno.listen(at);
    this.port = (this.#listener.addr as Deno.NetAddr).port;
    this.#done = this.#accept();
  }

  static start(
    paths: Record<string, Behaviour> = {},
    options: FaultServerOptions = {},
  ): FaultServer {
    return new FaultServer(paths, options);
  }

  /** `host` may be any name that the client under test resolves to this server. */
  url(path: string, host?: string): URL {
    const own = this.#hostname.includes(":") ? `[${this.#hostname}]` : this.#hostname;
    return new URL(path, `${this.#scheme}://${host ?? own}:${this.port}`);
  }

  /** How many connections are open now. */
  get openConnections(): number {
    return this.#open.size;
  }

  /** The requests of one path, without query. */
  requestsOf(path: string): SeenRequest[] {
    return this.requests.filter((request) => request.path.split("?")[0] === path);
  }

  /** Resolves once no connection is open: what a client has to bring about that gave up or was closed. */
  async idle(): Promise<void> {
    while (this.#open.size > 0) await Promise.all(this.#open.values());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#open.keys()) closeQuietly(connection);
    await this.#done;
    await this.idle();
  }

  async #accept(): Promise<void> {
    while (true) {
      let connection;
      try {
        connection = await this.#listener.accept();
      } catch (error) {
        if (error instanceof Deno.errors.BadResource) return;
        continue;
      }
      this.connections++;
      const accepted = connection;
      this.#open.set(accepted, this.#serve(accepted).finally(() => this.#open.delete(accepted)));
    }
  }

  async #serve(connection: Deno.TcpConn | Deno.TlsConn): Promise<void> {
    const reader = new HeadReader(connection);
    try {
      while (true) {
        const request = await reader.next();
        if (!request) return;
        this.requests.push(request);
        const exchange = new Exchange(request, { connection, closed: reader.closed() });
        const behaviour = this.paths.get(request.path.split("?")[0]);
        await (behaviour?.(exchange) ?? exchange.answer(404, {}));
        if (exchange.isClosed) return;
        await exchange.flush();
      }
    } catch (error) {
      if (!isConnectionError(error)) throw error;
    } finally {
      closeQuietly(connection);
      await reader.closed();
    }
  }
}

/** One request and the ways to answer it. Writing to a closed connection ends the behaviour. */
export class Exchange {
  readonly request: SeenRequest;
  /** Resolves when the client goes away. */
  readonly closed: Promise<void>;
  isClosed = false;
  readonly #connection: Deno.TcpConn | Deno.TlsConn;
  #bodyBytesLeft = Infinity;
  #head = new Uint8Array();

  constructor(
    request: SeenRequest,
    { connection, closed }: { connection: Deno.TcpConn | Deno.TlsConn; closed: Promise<void> },
  ) {
    this.request = request;
    this.#connection = connection;
    this.closed = closed.then(() => void (this.isClosed = true));
  }

  /** A whole answer. */
  async answer(
    status: number,
    headers: Readonly<Record<string, string>>,
    text = "",
  ): Promise<void> {
    const body = new TextEncoder().encode(text);
    const hasBody = status !== 304 && status !== 204;
    this.head(status, {
      ...hasBody ? { "content-length": String(body.length) } : {},
      ...headers,
    });
    if (hasBody && this.request.method !== "HEAD" && body.length > 0) await this.write(body);
  }

  /** The head alone; it goes out with the first write, or `flush`. Without `content-length` the body ends with the connection. */
  head(status: number, headers: Readonly<Record<string, string>>): void {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    // Not a write of its own: two small ones wait 40 ms for each other's acknowledgement.
    this.#head = new TextEncoder().encode(`HTTP/1.1 ${status} Status\r\n${lines.join("")}\r\n`);
  }

  /** Bytes of the body. */
  async write(bytes: Uint8Array): Promise<void> {
    const part = bytes.subarray(0, Math.min(bytes.length, this.#bodyBytesLeft));
    const head = this.#head;
    this.#head = new Uint8Array();
    await writeAll(this.#connection, head.length > 0 ? concatenated(head, part) : part);
    this.#bodyBytesLeft -= bytes.length;
    if (this.#bodyBytesLeft <= 0) {
      this.close();
      throw new Deno.errors.BrokenPipe("broken off as the test asked");
    }
  }

  /** Sends the head if no body did. */
  async flush(): Promise<void> {
    if (this.#head.length > 0) await this.write(new Uint8Array());
  }

  /** Breaks the connection after so many bytes of body. */
  breakAfter(bodyBytes: number): void {
    this.#bodyBytesLeft = bodyBytes;
  }

  /** Waits, but no longer than the client does. */
  async pause(ms: number): Promise<void> {
    const { promise: waited, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    await Promise.race([waited, this.closed]);
    clearTimeout(timer);
  }

  close(): void {
    this.isClosed = true;
    closeQuietly(this.#connection);
  }
}

/** Reads one head after another, and notices a client that leaves while it is being answered. */
class HeadReader {
  readonly #connection: Deno.TcpConn | Deno.TlsConn;
  readonly #end = Promise.withResolvers<void>();
  readonly #heads: SeenRequest[] = [];
  #wake = Promise.withResolvers<void>();
  #ended = false;

  constructor(connection: Deno.TcpConn | Deno.TlsConn) {
    this.#connection = connection;
    this.#read();
  }

  /** The next request, or undefined when the client has closed. */
  async next(): Promise<SeenRequest | undefined> {
    while (this.#heads.length === 0 && !this.#ended) await this.#wake.promise;
    return this.#heads.shift();
  }

  closed(): Promise<void> {
    return this.#end.promise;
  }

  async #read(): Promise<void> {
    const chunk = new Uint8Array(1 << 14);
    let text = "";
    try {
      while (text.length < MAX_HEAD_BYTES) {
        const count = await this.#connection.read(chunk);
        if (count === null) break;
        text += new TextDecoder("latin1").decode(chunk.subarray(0, count));
        for (let end; (end = text.indexOf("\r\n\r\n")) >= 0; text = text.slice(end + 4)) {
          this.#heads.push(parseHead(text.slice(0, end)));
        }
        this.#wake.resolve();
        this.#wake = Promise.withResolvers();
      }
    } catch (error) {
      if (!isConnectionError(error)) throw error;
    } finally {
      this.#ended = true;
      this.#wake.resolve();
      this.#end.resolve();
    }
  }
}

function parseHead(text: string): SeenRequest {
  const [first, ...lines] = text.split("\r\n");
  const [method, path] = first.split(" ");
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return { method, path, headers };
}

async function writeAll(connection: Deno.TcpConn | Deno.TlsConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

function concatenated(first: Uint8Array, second: Uint8Array): Uint8Array {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}

/** What ends a connection, from either side; a TLS client that refuses the certificate among it. */
function isConnectionError(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.BadResource ||
    error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.ConnectionAborted ||
    error instanceof Deno.errors.InvalidData || error instanceof Deno.errors.UnexpectedEof ||
    error instanceof Deno.errors.Interrupted || error instanceof Deno.errors.NotConnected;
}

function closeQuietly(connection: Deno.TcpConn | Deno.TlsConn): void {
  try {
    connection.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
