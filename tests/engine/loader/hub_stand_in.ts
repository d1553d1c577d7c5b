import { createHash } from "node:crypto";

/** What the stand-in does to the content of one file. */
export interface Trouble {
  /** The connection breaks after so many bytes, once for each entry. */
  cuts?: number[];
  /** Nothing comes after so many bytes, once for each entry. */
  stalls?: number[];
  /** Ranges are not honoured: everything is sent. */
  ignoresRange?: boolean;
  /** Sent in place of the announced bytes. */
  content?: Uint8Array<ArrayBuffer>;
  /** Answered before anything works, once for each entry. */
  statuses?: number[];
}

export interface HubStandInOptions {
  repo: string;
  commit: string;
  files: Record<string, Uint8Array<ArrayBuffer>>;
  trouble?: Record<string, Trouble>;
  /** Requests without this token meet the gate. */
  token?: string;
}

/**
 * The parts of the Hugging Face hub's HTTP API that a download meets: model info, the paged file tree,
 * and content, where large files redirect to another origin.
 */
export class HubStandIn implements AsyncDisposable {
  readonly commit: string;
  /** Every request as `METHOD path` with its range, if any. */
  readonly requests: string[] = [];
  /** Authorization headers that reached the content's own origin. */
  readonly leakedTokens: string[] = [];
  readonly #options: HubStandInOptions;
  readonly #hub: Deno.HttpServer<Deno.NetAddr>;
  readonly #content: Deno.HttpServer<Deno.NetAddr>;

  constructor(options: HubStandInOptions) {
    this.#options = options;
    this.commit = options.commit;
    const listen = { port: 0, hostname: "127.0.0.1", onListen: () => {}, onError: refuse };
    this.#hub = Deno.serve(listen, (request) => this.#answer(request));
    this.#content = Deno.serve(listen, (request) => {
      const token = request.headers.get("authorization");
      if (token) this.leakedTokens.push(token);
      return this.#sendFile(request, new URL(request.url).pathname.slice(1));
    });
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#hub.addr.port}`;
  }

  /** Requests for a file's content, in order. */
  contentRequests(file: string): string[] {
    return this.requests.filter((request) => request.includes(`/resolve/${this.commit}/${file}`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#hub.shutdown(), this.#content.shutdown()]);
  }

  #answer(request: Request): Response {
    const { pathname, searchParams } = new URL(request.url);
    const range = request.headers.get("range");
    this.requests.push(`${request.method} ${pathname}${range ? ` ${range}` : ""}`);
    const { repo, commit, token } = this.#options;
    if (!pathname.includes(`/${repo}/`)) return failure(401, "RepoNotFound");
    const authorized = request.headers.get("authorization") === `Bearer ${token}`;
    if (token && !authorized) return failure(401, "GatedRepo");
    const revision = pathname.match(/\/revision\/([^/]+)$/)?.[1];
    if (revision) {
      if (!["main", "v1", commit].includes(revision)) return failure(404, "RevisionNotFound");
      const dates = { lastModified: "2025-01-01T00:00:00.000Z" };
      return Response.json({ _id: "1", id: repo, sha: commit, private: false, ...dates });
    }
    if (pathname === `/api/models/${repo}/tree/${commit}`) {
      return this.#listFiles(searchParams.get("cursor"));
    }
    const file = pathname.split(`/resolve/${commit}/`)[1];
    if (!file || !(file in this.#options.files)) return failure(404, "EntryNotFound");
    if (!isLarge(this.#options.files[file])) return this.#sendFile(request, file);
    const location = `http://127.0.0.1:${this.#content.addr.port}/${file}`;
    return new Response(null, { status: 302, headers: { location } });
  }

  /** Two pages, as the hub does for many files. */
  #listFiles(cursor: string | null): Response {
    const entries = Object.entries(this.#options.files).map(([path, bytes]) => ({
      type: "file",
      path,
      size: bytes.length,
      oid: gitDigest(bytes),
      ...(isLarge(bytes) ? { lfs: { oid: sha256(bytes), size: bytes.length } } : {}),
    }));
    const half = Math.ceil(entries.length / 2);
    if (cursor) return Response.json(entries.slice(half));
    const next = `${this.endpoint}/api/models/${this.#options.repo}/tree/${this.commit}?cursor=2`;
    const folder = { type: "directory", path: "onnx", size: 0 };
    return Response.json([folder, ...entries.slice(0, half)], {
      headers: { link: `<${next}>; rel="next"` },
    });
  }

  #sendFile(request: Request, file: string): Response {
    const trouble = this.#options.trouble?.[file];
    const status = trouble?.statuses?.shift();
    if (status) return failure(status, "");
    const bytes = trouble?.content ?? this.#options.files[file];
    const range = trouble?.ignoresRange ? undefined : request.headers.get("range");
    const begin = Number(range?.match(/^bytes=(\d+)-$/)?.[1] ?? 0);
    const rest = bytes.subarray(begin);
    const cut = trouble?.cuts?.shift();
    const stall = trouble?.stalls?.shift();
    const body = cut !== undefined
      ? brokenStream(rest.subarray(0, cut))
      : stall !== undefined
      ? stalledStream(rest.subarray(0, stall))
      : rest;
    return new Response(body, {
      status: range ? 206 : 200,
      headers: {
        "content-length": String(rest.length),
        ...(range ? { "content-range": `bytes ${begin}-${bytes.length - 1}/${bytes.length}` } : {}),
      },
    });
  }
}

/** The hub keeps files beyond a few megabytes apart from git; here a kilobyte will do. */
function isLarge(bytes: Uint8Array): boolean {
  return bytes.length > 1000;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function gitDigest(bytes: Uint8Array): string {
  return createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
}

function failure(status: number, code: string): Response {
  const headers: Record<string, string> = code ? { "x-error-code": code } : {};
  return Response.json({ error: "no" }, { status, headers });
}

function refuse(): Response {
  return new Response(null, { status: 500 });
}

/** Sends the bytes, lets them arrive, and breaks the connection. */
function brokenStream(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    async pull(controller) {
      controller.enqueue(bytes);
      await new Promise((resolve) => setTimeout(resolve, 50));
      controller.error(new Error("the stand-in cuts the connection"));
    },
  }, { highWaterMark: 0 });
}

/** Sends the bytes and then nothing, until the other side goes away. */
function stalledStream(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({ start: (controller) => controller.enqueue(bytes) });
}
