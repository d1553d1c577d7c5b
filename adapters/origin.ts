import type { AdapterFiles } from "./peft/mod.ts";

/** Where one adapter's content comes from. Each kind of origin is a file in `sources/`. */
export interface AdapterSource {
  /** A path or URL for people: without user, query and whatever else may be secret. */
  readonly location: string;
  /** On this machine: looked at anew at each use, and not copied to the disk cache. */
  readonly isLocal: boolean;
  /**
   * The present content, or null while it is still the version `unless`. A remote source leaves the content as
   * the two files of a PEFT directory in `staging`, and nothing else.
   *
   * @throws {WeftError} with an adapter reason; its message is the reason alone, without the adapter's name.
   */
  read(options: ReadOptions): Promise<AdapterContent | null>;
}

export interface ReadOptions {
  /** The version that the caller has. */
  unless?: string;
  /** An empty directory on the disk cache's file system. */
  staging: string;
  signal: AbortSignal;
  onProgress?(progress: FetchProgress): void;
}

export interface FetchProgress {
  doneBytes: number;
  /** Unknown where the origin doesn't say. */
  totalBytes: number | null;
}

export interface AdapterContent {
  /** What identifies this content at its origin (ETags, a commit, modification times): other content has another. */
  version: string;
  files: AdapterFiles;
}

/** An adapter that a catalogue lists. */
export interface ListedAdapter {
  name: string;
  /** The URL or path it can be opened by again. */
  url: string;
  source: AdapterSource;
  /** As `read` would tell it, where the listing knows. */
  version?: string;
}

/** A set of adapters found in one place. */
export interface AdapterCatalogue {
  /** For people, as in a source. */
  readonly location: string;
  readonly isLocal: boolean;
  /**
   * Names are unique and ADAPTER_NAMEs; what has another is left out, and `report` is told why.
   *
   * @throws {WeftError} with an adapter reason when the place cannot be listed.
   */
  list(signal: AbortSignal, report?: (problem: string) => void): Promise<ListedAdapter[]>;
}

/** A small object that is read again and again, such as a fleet's manifest. */
export interface WatchedObject {
  readonly location: string;
  /** Null while it is still the version `unless`. */
  read(options: { unless?: string; signal: AbortSignal }): Promise<
    { version: string; bytes: Uint8Array<ArrayBuffer> } | null
  >;
}

/** Turns URLs into what they name. */
export interface Origins {
  /** @throws {WeftError} `bad_url`, `scheme_not_allowed`, `host_not_allowed` or `path_not_allowed`. */
  adapter(url: string): AdapterSource;
  catalogue(url: string): AdapterCatalogue;
  /** What the configuration names; with `isGuarded`, what an order does: a local path then must be allowed. */
  object(url: string, options?: ObjectOptions): WatchedObject;
}

export interface ObjectOptions {
  /** A larger one is refused; 16 MiB unless told. */
  maxBytes?: number;
  isGuarded?: boolean;
}
