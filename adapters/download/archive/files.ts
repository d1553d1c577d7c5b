import type { ByteSource } from "../../../engine/core/byte_source.ts";

/** Small, for the sake of what unpacks it: see `inflate`. */
const CHUNK_BYTES = 16 * 1024;

/** A part of a file, chunk by chunk. */
export async function* readRange(
  source: ByteSource,
  { start, end, signal }: { start: number; end: number; signal: AbortSignal },
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let at = start; at < end; at += CHUNK_BYTES) {
    signal.throwIfAborted();
    yield await source.read(at, Math.min(CHUNK_BYTES, end - at));
  }
}

/** Writes a file that must not be there yet. */
export async function writeNew(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true });
  for await (const chunk of chunks) {
    for (let done = 0; done < chunk.byteLength;) {
      done += await file.write(chunk.subarray(done));
    }
  }
}
