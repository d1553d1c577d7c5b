import type { AdapterFiles } from "./peft/mod.ts";

/** Where one adapter's content comes from. Each kind of origin is a file in `sources/`. */
export interface AdapterSource {
  /** A path or URL for people; holds no secret. */
  readonly location: string;
  /**
   * What identifies the present content, without reading it (an ETag, a modification time): content that
   * changed has another version.
   */
  version(signal?: AbortSignal): Promise<string>;
  /** `adapter_config.json` alone. */
  readConfig(signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>>;
  /** Both files as they were at one moment, which `version` names. */
  read(signal?: AbortSignal): Promise<VersionedFiles>;
}

export interface VersionedFiles {
  files: AdapterFiles;
  version: string;
}

/** An adapter by name. */
export interface NamedSource {
  name: string;
  source: AdapterSource;
}

/** A set of adapters found in one place. */
export interface AdapterCatalogue {
  list(signal?: AbortSignal): Promise<NamedSource[]>;
}
