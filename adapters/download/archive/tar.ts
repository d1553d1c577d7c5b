/**
 * modern-tar reads tar: kept, web streams, no dependency and no native code (tar-stream brings four packages, one of
 * them native), and a strict mode that refuses damaged headers, truncation and what follows the end.
 */
import { join } from "node:path";
import { createTarDecoder } from "modern-tar";
import { FileSource } from "../../../engine/core/byte_source.ts";
import { BundleEntries } from "./entries.ts";
import { readRange, writeNew } from "./files.ts";
import { inflate } from "./inflate.ts";
import type { UnpackOptions } from "./options.ts";

/** What headers, long names and padding may take of a packed archive beside its files. */
const OVERHEAD_BYTES = 1 << 20;

export interface UnpackTarOptions extends UnpackOptions {
  isGzipped: boolean;
}

/** @throws {WeftError} for what must not be; whatever else for what cannot be read. */
export async function unpackTar(path: string, options: UnpackTarOptions): Promise<void> {
  const { maxBytes, into, signal } = options;
  using source = await FileSource.open(path);
  const decoder = createTarDecoder({ strict: true });
  const stop = new AbortController();
  const feeding = ReadableStream.from(readArchive(source, options))
    .pipeTo(decoder.writable, { signal: AbortSignal.any([signal, stop.signal]) })
    // Whoever reads the other end learns of it there.
    .catch(() => {});
  try {
    const entries = new BundleEntries({ maxBytes });
    for await (const { header, body } of decoder.readable) {
      const { name, type = "file", size } = header;
      const file = entries.admit({ name, kind: type, size });
      if (file === null) await drain(body);
      else await writeNew(join(into, file), body);
    }
    entries.finish();
  } finally {
    stop.abort();
    await feeding;
  }
}

/** To the end, chunk by chunk: modern-tar 0.8.6 loses a later entry when a body is cancelled that it has queued whole. */
async function drain(body: ReadableStream<Uint8Array>): Promise<void> {
  // deno-lint-ignore no-empty -- there is nothing to do with them
  for await (const _ of body) {}
}

function readArchive(
  source: FileSource,
  { maxBytes, signal, isGzipped }: UnpackTarOptions,
): AsyncIterable<Uint8Array<ArrayBuffer>> {
  const chunks = readRange(source, { start: 0, end: source.size, signal });
  if (!isGzipped) return chunks;
  return inflate(chunks, { format: "gzip", maxBytes: maxBytes + OVERHEAD_BYTES, signal });
}
