import { createHash } from "node:crypto";
import { type Behaviour, FaultServer } from "../fault_server.ts";
import { object } from "../faults.ts";

const REPO = "owner/name";
/** Beyond this, files are kept apart from git; the hub itself is more patient. */
const LARGE_BYTES = 100;

/**
 * What the hub does with the files of `owner/name`: it lists them in pages, sends small ones itself and redirects
 * for large ones to another origin, which has ETags of its own.
 */
export class HubServer implements AsyncDisposable {
  readonly hub: FaultServer;
  readonly content: FaultServer;
  readonly #files = new Map<string, Uint8Array>();
  readonly #revision: string;

  constructor({ revision = "main" } = {}) {
    this.#revision = encodeURIComponent(revision);
    this.hub = FaultServer.start();
    this.content = FaultServer.start();
  }

  get endpoint(): string {
    return this.hub.url("").origin;
  }

  put(path: string, bytes: Uint8Array): void {
    this.#files.set(path, bytes);
    const isLarge = bytes.length > LARGE_BYTES;
    const at = `/${REPO}/resolve/${this.#revision}/${path}`;
    const content = `/content/${path}`;
    this.content.paths.set(content, object(bytes, { etag: `"multipart-${bytes.length}"` }));
    const location = this.content.url(content).href;
    const linked = { "x-linked-etag": `"${sha256(bytes)}"`, location };
    this.hub.paths.set(
      at,
      isLarge
        ? (exchange) => exchange.answer(302, linked)
        : object(bytes, { etag: `"${gitDigest(bytes)}"` }),
    );
    const parts = path.split("/").slice(0, -1);
    for (let depth = 0; depth <= parts.length; depth++) {
      const folder = parts.slice(0, depth).join("/");
      this.hub.paths.set(this.#treePath(folder), this.#tree(folder));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.hub[Symbol.asyncDispose]();
    await this.content[Symbol.asyncDispose]();
  }

  #treePath(folder: string): string {
    return `/api/models/${REPO}/tree/${this.#revision}${folder === "" ? "" : `/${folder}`}`;
  }

  /** Pages of two entries. */
  #tree(folder: string): Behaviour {
    return async (exchange) => {
      const { searchParams } = new URL(exchange.request.path, this.endpoint);
      const isRecursive = searchParams.get("recursive") === "true";
      const cursor = Number(searchParams.get("cursor") ?? 0);
      const base = folder === "" ? "" : `${folder}/`;
      const all = [...this.#files].filter(([path]) =>
        path.startsWith(base) && (isRecursive || !path.slice(base.length).includes("/"))
      ).map(([path, bytes]) => entryOf(path, bytes));
      const entries = [{ type: "directory", oid: "0", size: 0, path: `${base}docs` }, ...all];
      searchParams.set("cursor", String(cursor + 2));
      const next = `${this.endpoint}${this.#treePath(folder)}?${searchParams}`;
      const isLast = cursor + 2 >= entries.length;
      const headers: Record<string, string> = isLast ? {} : { link: `<${next}>; rel="next"` };
      await exchange.answer(200, headers, JSON.stringify(entries.slice(cursor, cursor + 2)));
    };
  }
}

function entryOf(path: string, bytes: Uint8Array) {
  const size = bytes.length;
  if (size <= LARGE_BYTES) return { type: "file", oid: gitDigest(bytes), size, path };
  const lfs = { oid: sha256(bytes), size, pointerSize: 134 };
  return { type: "file", oid: gitDigest(new Uint8Array(134)), size, lfs, path };
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function gitDigest(bytes: Uint8Array): string {
  return createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
}
