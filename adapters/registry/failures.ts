import { messageOf, WeftError } from "../../engine/core/errors.ts";
import { adapterError } from "../reasons.ts";

const DAMAGED =
  'Restore it from a backup, or move it and the files of its name with "-wal" and "-shm" away and start again: ' +
  "catalogues and the manifest register their adapters anew, those of the API must be put again";

/**
 * Says what failed and what to do about it.
 *
 * @param what `Cannot open the registry ".weft/registry.db"`.
 */
export function registryError(what: string, error: unknown): WeftError {
  const why = `${what}: ${messageOf(error)}`;
  const options = { cause: error };
  // Ours: about a row, or the database as a whole.
  if (error instanceof WeftError) {
    const message = error.code === "internal" ? `${why}. ${DAMAGED}` : why;
    return new WeftError(error.code, message, options);
  }
  // An integer of 2⁵³ or more.
  if (error instanceof RangeError) return new WeftError("internal", `${why}. ${DAMAGED}`, options);
  switch (primaryCode(error)) {
    case 1: // SQLITE_ERROR: a table or column is not there.
    case 11: // SQLITE_CORRUPT
    case 26: // SQLITE_NOTADB
      return new WeftError("internal", `${why}. ${DAMAGED}`, options);
    case 13: // SQLITE_FULL
      return adapterError("disk_full", `${why}. Make room on its disk`, options);
    case 5: // SQLITE_BUSY
      return new WeftError(
        "unavailable",
        `${why}: another process is writing to it. Give each server a state directory of its own`,
        options,
      );
    default:
      return new WeftError(
        "unavailable",
        `${why}. It must be a file that this process may read and write, in a directory of a local disk where ` +
          "it may make others",
        options,
      );
  }
}

/** SQLite's primary result code: `errcode` is the extended one, with more bits above it. */
function primaryCode(error: unknown): number | null {
  if (!(error instanceof Error) || !("errcode" in error)) return null;
  return typeof error.errcode === "number" ? error.errcode & 0xff : null;
}
