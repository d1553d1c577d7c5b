import { adapterError } from "../../reasons.ts";
import { CONFIG_FILE, MAX_CONFIG_BYTES, quote, WEIGHTS_FILE } from "../../peft/mod.ts";

/** An archive with more is not an adapter's. */
export const MAX_ENTRIES = 64;
const MAX_NAME_LENGTH = 1024;
/** What torch and its kin save: each may hold a pickle, which can run code when it is read. */
const PICKLE_NAME = /\.(?:bin|pt|pth|ckpt|pkl|pickle)$/i;
// deno-lint-ignore no-control-regex -- they are what is looked for
const CONTROL_CHARACTER = /[\x00-\x1f\x7f]/;

/** What an archive says of one of its entries. */
export interface ArchiveEntry {
  /** As stored: with `/` between its parts, and hostile for all we know. */
  name: string;
  /** Only files and directories are let through; anything else is called by its name in the refusal. */
  kind: "file" | "directory" | (string & Record<never, never>);
  /** Unpacked. */
  size: number;
}

/** The two files that a bundle is unpacked for. */
export type BundleFile = typeof CONFIG_FILE | typeof WEIGHTS_FILE;

/** Watches over an archive's entries as they come: whether each is harmless, and which are the two that count. */
export class BundleEntries {
  readonly #maxBytes: number;
  readonly #folders = new Map<BundleFile, string>();
  #count = 0;
  #bytes = 0;
  #pickle: string | undefined;

  constructor({ maxBytes }: { maxBytes: number }) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Which of the two files an entry is; null for one to pass over.
   *
   * @throws {WeftError} `archive_entry_not_allowed` or `download_too_large`.
   */
  admit({ name, kind, size }: ArchiveEntry): BundleFile | null {
    if (++this.#count > MAX_ENTRIES) throw refuse(`it has more than ${MAX_ENTRIES} entries`);
    const parts = splitName(name);
    if (kind === "directory") return null;
    if (kind !== "file") {
      throw refuse(`${quote(name)} is a ${kind}; only regular files and directories are allowed`);
    }
    this.#addBytes(name, size);
    const base = parts.at(-1) ?? "";
    if (PICKLE_NAME.test(base)) this.#pickle ??= name;
    if (base !== CONFIG_FILE && base !== WEIGHTS_FILE) return null;
    if (this.#folders.has(base)) throw refuse(`it has ${base} twice`);
    if (base === CONFIG_FILE && size > MAX_CONFIG_BYTES) {
      throw adapterError(
        "download_too_large",
        `${base} has ${size} bytes; at most ${MAX_CONFIG_BYTES} are allowed`,
      );
    }
    this.#folders.set(base, parts.slice(0, -1).join("/"));
    return base;
  }

  /** @throws {WeftError} `missing_file` or `pickle_not_allowed` unless both files were there, side by side. */
  finish(): void {
    if (!this.#folders.has(WEIGHTS_FILE) && this.#pickle !== undefined) {
      throw adapterError(
        "pickle_not_allowed",
        `it has no ${WEIGHTS_FILE}, only ${quote(this.#pickle)}, which may hold a pickle, and ` +
          `a pickle can run code; save it as safetensors`,
      );
    }
    for (const file of [CONFIG_FILE, WEIGHTS_FILE] as const) {
      if (!this.#folders.has(file)) {
        throw adapterError("missing_file", `the archive holds no ${file}`);
      }
    }
    if (this.#folders.get(CONFIG_FILE) !== this.#folders.get(WEIGHTS_FILE)) {
      throw adapterError(
        "missing_file",
        `${CONFIG_FILE} and ${WEIGHTS_FILE} are not in the same folder of the archive`,
      );
    }
  }

  #addBytes(name: string, size: number): void {
    this.#bytes += size;
    if (this.#bytes <= this.#maxBytes) return;
    throw adapterError(
      "download_too_large",
      `its files up to ${quote(name)} have ${this.#bytes} bytes unpacked; at most ` +
        `${this.#maxBytes} are allowed`,
    );
  }
}

/** The name's parts, without empty ones and `.`. Nothing is ever written under them; a hostile name ends it all the same. */
function splitName(name: string): string[] {
  const why = whyHostile(name);
  if (why !== null) throw refuse(`the name ${quote(name)} ${why}`);
  return name.split("/").filter((part) => part !== "" && part !== ".");
}

function whyHostile(name: string): string | null {
  if (name === "") return "is empty";
  if (name.length > MAX_NAME_LENGTH) return `is longer than ${MAX_NAME_LENGTH} characters`;
  if (CONTROL_CHARACTER.test(name)) return "holds a control character";
  if (name.includes("\\")) return "holds a backslash";
  if (name.startsWith("/") || /^[a-z]:/i.test(name)) return "is absolute";
  if (name.split("/").includes("..")) return 'holds ".."';
  return null;
}

function refuse(why: string) {
  return adapterError("archive_entry_not_allowed", why);
}
