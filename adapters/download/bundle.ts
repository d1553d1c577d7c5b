import { rm } from "node:fs/promises";
import { messageOf, WeftError } from "../../engine/core/errors.ts";
import { asDiskError, codeOf } from "../disk/mod.ts";
import { adapterError } from "../reasons.ts";
import type { UnpackOptions } from "./archive/options.ts";
import { unpackSafetensors } from "./archive/safetensors.ts";
import { unpackTar } from "./archive/tar.ts";
import { unpackZip } from "./archive/zip.ts";

/** How an adapter's two files may come as one. */
export type BundleKind = "zip" | "tar" | "tar.gz" | "safetensors";

export type ExtractOptions = UnpackOptions;

/**
 * Takes a bundle apart and leaves `adapter_config.json` and `adapter_model.safetensors` in `into`, nothing else: the
 * archive, which may lie there too, is used up. It is read as a stream; nothing is written outside `into`, and on an
 * error whatever is there is the caller's to remove.
 *
 * Both files must lie side by side, at the root or in one folder; other files are passed over.
 *
 * @throws {WeftError} `bad_archive`, `archive_bomb`, `archive_entry_not_allowed`, `download_too_large`,
 *   `missing_file`, `pickle_not_allowed` or `disk_full`. What `signal` holds when it aborts.
 */
export async function extractBundle(
  archivePath: string,
  kind: BundleKind,
  options: ExtractOptions,
): Promise<void> {
  options.signal.throwIfAborted();
  try {
    await unpack(archivePath, kind, options);
  } catch (error) {
    options.signal.throwIfAborted();
    throw asBundleError(error, kind);
  }
  if (kind !== "safetensors") await rm(archivePath);
}

function unpack(path: string, kind: BundleKind, options: UnpackOptions): Promise<void> {
  switch (kind) {
    case "zip":
      return unpackZip(path, options);
    case "tar":
      return unpackTar(path, { ...options, isGzipped: false });
    case "tar.gz":
      return unpackTar(path, { ...options, isGzipped: true });
    case "safetensors":
      return unpackSafetensors(path, options);
  }
}

/** What a reader or a decoder throws about the data is the archive's fault; what the system says of files is not. */
function asBundleError(error: unknown, kind: BundleKind): unknown {
  if (error instanceof WeftError) {
    return error.reason === undefined ? adapterError("bad_archive", error.message) : error;
  }
  if (codeOf(error) !== undefined) return asDiskError(error);
  return adapterError("bad_archive", `it cannot be read as ${kind}: ${messageOf(error)}`, {
    cause: error,
  });
}
