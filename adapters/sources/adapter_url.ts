import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { BundleKind } from "../download/mod.ts";
import { adapterError } from "../reasons.ts";

/** What a URL's path names: a directory with the two files, or one file that holds both. */
export type AdapterForm = "directory" | BundleKind;

const REMOTE_SCHEMES = ["https", "http", "s3", "gs", "az", "hf"] as const;

export type RemoteScheme = typeof REMOTE_SCHEMES[number];

/** Where an adapter, a catalogue or an object is. */
export type Place =
  | { kind: "local"; path: string }
  | { kind: "remote"; scheme: RemoteScheme; url: URL };

const MAX_URL_LENGTH = 8192;
/** A lone letter before a colon may be a drive, unless slashes follow as in a URL. */
const SCHEME = /^([A-Za-z](?:[A-Za-z0-9+.-]+(?=:)|(?=:\/\/))):/;
const BUNDLE_ENDINGS: readonly [ending: string, kind: BundleKind][] = [
  [".safetensors", "safetensors"],
  [".zip", "zip"],
  [".tar", "tar"],
  [".tar.gz", "tar.gz"],
  [".tgz", "tar.gz"],
];
/** What is shown of text that may hold a secret in any place. */
const UNSHOWABLE = "(a URL that cannot be shown)";

/**
 * Reads a URL, or a path on this machine.
 *
 * @throws {WeftError} `bad_url` or `scheme_not_allowed`; the message quotes nothing that may be secret.
 */
export function parsePlace(text: string): Place {
  if (text === "") throw adapterError("bad_url", "the URL is empty");
  if (text.length > MAX_URL_LENGTH) {
    throw adapterError(
      "bad_url",
      `the URL has ${text.length} characters; at most ${MAX_URL_LENGTH} are allowed`,
    );
  }
  const scheme = SCHEME.exec(text)?.[1].toLowerCase();
  if (scheme === undefined) return { kind: "local", path: resolve(checkPath(text)) };
  if (scheme === "file") return { kind: "local", path: pathOf(text) };
  if (!isRemoteScheme(scheme)) {
    throw adapterError(
      "scheme_not_allowed",
      // Without the slashes, what stands before the colon may be a user's name.
      `${text.includes("://") ? `${scheme}:// URLs are` : "the URL's scheme is"} not supported; ` +
        `use ${REMOTE_SCHEMES.map((name) => `${name}://`).join(", ")}, file:// or a path`,
    );
  }
  return { kind: "remote", scheme, url: parseRemote(text) };
}

/** What the last part of a path or key names. */
export function formOf(path: string): AdapterForm {
  const lower = path.toLowerCase();
  return BUNDLE_ENDINGS.find(([ending]) => lower.endsWith(ending))?.[1] ?? "directory";
}

/** The name that a path or key gives: its last part, without a bundle's ending; "" where it has none. */
export function stemOf(path: string): string {
  const last = path.replace(/\/+$/, "").split("/").at(-1)!;
  const lower = last.toLowerCase();
  const ending = BUNDLE_ENDINGS.find(([ending]) => lower.endsWith(ending))?.[0] ?? "";
  return last.slice(0, last.length - ending.length);
}

/** The URL of what lies at `path` (unencoded) below a URL's path; the query stays at the end. */
export function below(url: URL, path: string): URL {
  const joined = new URL(url);
  const encoded = path.split("/").map(encodeURIComponent).join("/");
  joined.pathname = `${url.pathname.replace(/\/+$/, "")}/${encoded}`;
  return joined;
}

/** A URL or path for people: without user, password, query and fragment. Takes any text. */
export function redact(place: string | URL): string {
  const text = String(place);
  if (!SCHEME.test(text)) {
    return showPath(text.split(/[?#]/)[0]);
  }
  // Backslashes and control characters read differently from one parser to the next.
  // deno-lint-ignore no-control-regex
  const url = /[\\\x00-\x20\x7f]/.test(text) ? null : URL.parse(text);
  const scheme = url?.protocol.slice(0, -1);
  if (!url || !scheme) return UNSHOWABLE;
  if (scheme === "file" && url.host === "") return showPath(`file://${url.pathname}`);
  if (!isRemoteScheme(scheme) || url.host === "") return UNSHOWABLE;
  return `${scheme}://${url.host}${url.pathname}`;
}

/** A path, unless it may be a URL that was misspelt: then what stands before "@" may be a password. */
function showPath(path: string): string {
  return /^(?!file:).*:\/\/|:[^/]*@/s.test(path) ? UNSHOWABLE : path;
}

function parseRemote(text: string): URL {
  // deno-lint-ignore no-control-regex
  if (/[\\\x00-\x20\x7f]/.test(text)) {
    throw adapterError(
      "bad_url",
      "the URL holds a space, a backslash or a control character; percent-encode it",
    );
  }
  const url = text.includes("://") ? URL.parse(text) : null;
  if (!url || url.host === "") {
    throw adapterError("bad_url", "the URL cannot be read; it must look like https://host/path");
  }
  if (url.username !== "" || url.password !== "") {
    throw adapterError(
      "bad_url",
      `${redact(url)} was given with a user or password; credentials belong in the configuration`,
    );
  }
  if (url.hash !== "") {
    throw adapterError("bad_url", `${redact(url)} was given with a fragment (#…); leave it out`);
  }
  try {
    decodeURIComponent(url.pathname);
  } catch {
    throw adapterError(
      "bad_url",
      `${redact(url)} holds a percent sign that encodes no UTF-8 character`,
    );
  }
  return url;
}

function pathOf(text: string): string {
  const url = text.startsWith("file:///") || text.startsWith("file://localhost/")
    ? URL.parse(text)
    : null;
  if (!url || url.search !== "" || url.hash !== "" || url.host !== "") {
    throw adapterError(
      "bad_url",
      "the file URL cannot be read; it must look like file:///directory/adapter",
    );
  }
  try {
    return resolve(checkPath(fileURLToPath(url)));
  } catch (error) {
    throw adapterError("bad_url", "the file URL holds an encoding that no path has", {
      cause: error,
    });
  }
}

function checkPath(path: string): string {
  if (!path.includes("\0")) return path;
  throw adapterError("bad_url", "the path holds a null character");
}

function isRemoteScheme(scheme: string): scheme is RemoteScheme {
  return (REMOTE_SCHEMES as readonly string[]).includes(scheme);
}
