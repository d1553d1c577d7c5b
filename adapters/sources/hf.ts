import { type Downloadable, type Downloader, MemorySink } from "../download/mod.ts";
import type { OriginRequest } from "../http/client.ts";
import { adapterError } from "../reasons.ts";
import { redact } from "./adapter_url.ts";
import { refuseDots } from "./object_key.ts";
import type { ListedObject, ObjectStore } from "./object_store.ts";

const REPO_PART = /^[A-Za-z0-9][\w.-]{0,95}$/;
/** `name[@revision][/path]`; revisions with a slash are encoded (`%2F`), but for the hub's own. */
const PATH = /^\/([^/@]+)(?:@(refs\/(?:pr|convert)\/[^/]+|[^/]+))?(?:\/(.*))?$/;
/** A page has 1,000 entries of a few hundred bytes. */
const MAX_PAGE_BYTES = 16 << 20;
const MAX_PAGES = 1000;

/** What an `hf://` URL names. */
export interface HubPlace {
  /** `owner/name` */
  repo: string;
  /** Branch, tag or commit. */
  revision: string;
  /** In the repository, without a slash at either end; "" is its root. */
  path: string;
}

/** Reads `hf://owner/name[@revision][/path]`. @throws {WeftError} `bad_url` or `path_not_allowed`. */
export function parseHubUrl(url: URL): HubPlace {
  const [, name, revision = "main", path = ""] = PATH.exec(url.pathname) ?? [];
  const isRepo = name !== undefined && [url.host, name].every((part) => REPO_PART.test(part));
  if (!isRepo || url.search !== "") {
    throw adapterError(
      "bad_url",
      `${redact(url)} cannot be read; it must look like hf://owner/name[@revision][/subfolder]`,
    );
  }
  const place = {
    repo: `${url.host}/${name}`,
    revision: decodeURIComponent(revision),
    path: decodeURIComponent(path).replace(/\/+$/, ""),
  };
  // Encoded once more they would lead to other places of the hub, with its token.
  for (const part of [place.revision, place.path]) refuseDots(part, redact(url));
  return place;
}

export interface HubStoreOptions {
  /** Without a slash at the end. */
  endpoint: string;
  token?: string;
  downloader: Downloader;
}

/**
 * A repository on the Hugging Face hub at one revision. Its listing tells each file's digest, and that stands
 * for the ETag: large files come from other hosts by redirect, whose own ETags say something else.
 */
export class HubStore implements ObjectStore {
  readonly #place: Omit<HubPlace, "path">;
  readonly #endpoint: string;
  readonly #token?: string;
  readonly #downloader: Downloader;

  constructor(
    place: Omit<HubPlace, "path">,
    { endpoint, token, downloader }: HubStoreOptions,
  ) {
    this.#place = place;
    this.#endpoint = endpoint;
    this.#token = token;
    this.#downloader = downloader;
  }

  locate(key: string): string {
    const { repo, revision } = this.#place;
    return `hf://${repo}@${encode(revision)}/${encodePath(key)}`;
  }

  request(
    key: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<Omit<OriginRequest, "signal">> {
    const { repo, revision } = this.#place;
    return this.#ask(
      new URL(`${this.#endpoint}/${repo}/resolve/${encode(revision)}/${encodePath(key)}`),
      headers,
    );
  }

  list(prefix: string, signal: AbortSignal): AsyncIterable<ListedObject> {
    // The hub lists folders; a prefix that ends within a name is listed with its neighbours.
    const folder = prefix.slice(0, Math.max(0, prefix.lastIndexOf("/")));
    return withPrefix(this.#tree(folder, { isRecursive: true, signal }), prefix);
  }

  /** The files of one folder, without those of its folders. @throws {WeftError} `origin_not_found`. */
  listFolder(folder: string, signal: AbortSignal): AsyncIterable<ListedObject> {
    return this.#tree(folder, { isRecursive: false, signal });
  }

  async *#tree(
    folder: string,
    { isRecursive, signal }: { isRecursive: boolean; signal: AbortSignal },
  ): AsyncIterable<ListedObject> {
    const { repo, revision } = this.#place;
    const path = folder === "" ? "" : `/${encodePath(folder)}`;
    const query = isRecursive ? "?recursive=true" : "";
    const location = this.locate(folder);
    let next: URL | null = new URL(
      `${this.#endpoint}/api/models/${repo}/tree/${encode(revision)}${path}${query}`,
    );
    for (let page = 0; next !== null; page++) {
      if (page === MAX_PAGES) {
        throw adapterError("bad_response", `the listing of ${location} has over ${page} pages`);
      }
      const url: URL = next;
      const { headers, bytes } = await this.#page(
        { location, request: (headers) => this.#ask(url, headers) },
        signal,
      );
      yield* entriesOf(bytes, location);
      next = nextPage(headers, { url, location });
    }
  }

  async #page(page: Downloadable, signal: AbortSignal) {
    const into = new MemorySink();
    const got = await this.#downloader.download(page, { into, maxBytes: MAX_PAGE_BYTES, signal });
    return { headers: got!.headers, bytes: into.bytes };
  }

  #ask(
    url: URL,
    headers: Readonly<Record<string, string>>,
  ): Promise<Omit<OriginRequest, "signal">> {
    const credentials = this.#token && { authorization: `Bearer ${this.#token}` };
    return Promise.resolve({ url, headers, credentials: credentials || undefined });
  }
}

async function* withPrefix(
  objects: AsyncIterable<ListedObject>,
  prefix: string,
): AsyncIterable<ListedObject> {
  for await (const object of objects) if (object.key.startsWith(prefix)) yield object;
}

function* entriesOf(bytes: Uint8Array<ArrayBuffer>, location: string): Iterable<ListedObject> {
  for (const entry of parseArray(bytes, location)) {
    if (entry?.type !== "file") continue;
    const { path, size, oid } = { ...entry, ...entry.lfs, path: entry.path };
    if (
      typeof path !== "string" || typeof size !== "number" || typeof oid !== "string" ||
      !/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(oid)
    ) {
      throw adapterError("bad_response", `the listing of ${location} has an entry without digest`);
    }
    yield { key: path, size, etag: `"${oid}"` };
  }
}

/** An entry of the hub's tree, as far as it is what it should be. */
interface TreeEntry {
  type?: unknown;
  path?: unknown;
  size?: unknown;
  /** Git's name of the blob: the file, or the pointer to a large file. */
  oid?: unknown;
  /** Of a large file: its sha256, and its own size. */
  lfs?: { oid?: unknown; size?: unknown } | null;
}

function parseArray(bytes: Uint8Array<ArrayBuffer>, location: string): (TreeEntry | null)[] {
  try {
    const parsed: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (Array.isArray(parsed)) return parsed;
  } catch {
    // Said below.
  }
  throw adapterError("bad_response", `the listing of ${location} is not a JSON array`);
}

/** RFC 8288. Only the hub itself is asked on, for the token goes along. */
function nextPage(headers: Headers, { url, location }: { url: URL; location: string }): URL | null {
  const link = headers.get("link")?.match(/<([^<>]*)>\s*;\s*rel="?next"?/)?.[1];
  if (link === undefined) return null;
  const next = URL.parse(link, url);
  if (next?.origin === url.origin) return next;
  throw adapterError("bad_response", `the listing of ${location} goes on at another host`);
}

function encode(part: string): string {
  return encodeURIComponent(part);
}

function encodePath(path: string): string {
  return path.split("/").map(encode).join("/");
}
