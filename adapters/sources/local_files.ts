import { realpath, stat } from "node:fs/promises";
import { basename, relative } from "node:path";
import { FileSource } from "../../engine/core/byte_source.ts";
import { WeftError } from "../../engine/core/errors.ts";
import { adapterError } from "../reasons.ts";

/** A file's or directory's real path. @throws {WeftError} `missing_file`, or `unavailable`. */
export function realPathOf(path: string): Promise<string> {
  return reach(path, (path) => realpath(path));
}

/**
 * Before anything is looked at, so that no one learns what exists elsewhere. Without roots, anything goes.
 *
 * @throws {WeftError} `path_not_allowed` when a path isn't below a root.
 */
export function refuseOutside(path: string, roots?: readonly string[]): void {
  if (roots && !roots.some((root) => isWithin(path, root))) throw refusePath();
}

/** A path's real one. @throws {WeftError} `path_not_allowed` when a link leads out of the roots. */
export async function realPathWithin(path: string, roots?: readonly string[]): Promise<string> {
  const real = await realPathOf(path);
  if (!roots) return real;
  const realRoots = await Promise.all(roots.map(realPathOf));
  if (realRoots.some((root) => isWithin(real, root))) return real;
  throw refusePath();
}

function refusePath(): WeftError {
  return adapterError(
    "path_not_allowed",
    "its path is not below a directory that --adapter-root names",
  );
}

/** Changes whenever the file is written or replaced. Only a regular file has one: opening a pipe would hang. */
export async function identify(path: string): Promise<string> {
  const found = await reach(path, (path) => stat(path, { bigint: true }));
  if (!found.isFile()) {
    throw adapterError("bad_adapter", `${basename(path)} is not a regular file`);
  }
  return `${found.dev}:${found.ino}:${found.size}:${found.mtimeNs}:${found.ctimeNs}`;
}

/** @throws {WeftError} `download_too_large`, `missing_file`, or `unavailable`. */
export function readWhole(path: string, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  return reach(path, async (path) => {
    using source = await FileSource.open(path);
    if (source.size > maxBytes) {
      throw adapterError(
        "download_too_large",
        `${basename(path)} has ${source.size} bytes; at most ${maxBytes} are allowed`,
      );
    }
    return await source.read(0, source.size);
  });
}

export function exists(path: string): Promise<boolean> {
  return stat(path).then(() => true, () => false);
}

export function isDirectory(path: string): Promise<boolean> {
  return stat(path).then((found) => found.isDirectory(), () => false);
}

/** Whether a path is a directory or lies in it, by its letters alone. */
export function isWithin(path: string, directory: string): boolean {
  const way = relative(directory, path);
  return way !== ".." && !way.startsWith("../") && !way.startsWith("/");
}

async function reach<T>(path: string, action: (path: string) => Promise<T>): Promise<T> {
  try {
    return await action(path);
  } catch (error) {
    if (error instanceof WeftError) throw error;
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw adapterError("missing_file", `${basename(path)} does not exist`);
    }
    // Clients see this: the system's own message, which holds the whole path, is for the log.
    throw new WeftError("unavailable", `${basename(path)} cannot be read (${code ?? "unknown"})`, {
      cause: error,
    });
  }
}
