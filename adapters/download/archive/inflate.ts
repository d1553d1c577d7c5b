import { adapterError } from "../../reasons.ts";
import { checkRatio } from "./ratio.ts";

export interface InflateOptions {
  format: "gzip" | "deflate-raw";
  /** More than this is not unpacked. */
  maxBytes: number;
  signal: AbortSignal;
}

/**
 * Unpacks a stream, and stops soon after it turns out to be a bomb. Once it has ended, in whatever way, `packed`
 * has ended too. Give it small chunks: each is unpacked in one go, to as much as 1,032 times its size.
 *
 * @throws {WeftError} `archive_bomb` or `download_too_large`. {TypeError} when the data is damaged.
 */
export async function* inflate(
  packed: AsyncIterable<Uint8Array<ArrayBuffer>>,
  { format, maxBytes, signal }: InflateOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let packedBytes = 0;
  let unpackedBytes = 0;
  const stop = new AbortController();
  const inflater = new DecompressionStream(format);
  const feeding = ReadableStream.from(counted(packed, (count) => packedBytes += count))
    .pipeTo(inflater.writable, { signal: AbortSignal.any([signal, stop.signal]) })
    // Whoever reads the other end learns of it there.
    .catch(() => {});
  try {
    for await (const chunk of inflater.readable) {
      unpackedBytes += chunk.byteLength;
      checkRatio(packedBytes, unpackedBytes);
      if (unpackedBytes > maxBytes) {
        throw adapterError(
          "download_too_large",
          `it unpacks to more than the ${maxBytes} bytes allowed`,
        );
      }
      yield chunk;
    }
  } finally {
    stop.abort();
    await feeding;
  }
}

async function* counted(
  chunks: AsyncIterable<Uint8Array<ArrayBuffer>>,
  count: (bytes: number) => void,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for await (const chunk of chunks) {
    count(chunk.byteLength);
    yield chunk;
  }
}
