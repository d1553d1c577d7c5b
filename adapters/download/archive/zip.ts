/**
 * yauzl reads the directory of a zip: kept since 2014, strict, 1,100 lines without native code, by random access (so
 * that the directory decides, never what a stream claims on the way). The data is unpacked here, under our caps.
 */
import { crc32 } from "node:zlib";
import { join } from "node:path";
// @ts-types="@types/yauzl"
import yauzl from "yauzl";
import { type ByteSource, FileSource } from "../../../engine/core/byte_source.ts";
import { adapterError } from "../../reasons.ts";
import { quote } from "../../peft/mod.ts";
import { BundleEntries, type BundleFile, MAX_ENTRIES } from "./entries.ts";
import { readRange, writeNew } from "./files.ts";
import { inflate } from "./inflate.ts";
import type { UnpackOptions } from "./options.ts";
import { checkRatio } from "./ratio.ts";

const STORED = 0;
const DEFLATED = 8;
const LOCAL_HEADER_BYTES = 30;

/** File types in the upper half of an entry's attributes, as Unix has them. */
const TYPE_MASK = 0o170000;
const TYPES: Record<number, string> = {
  0: "file",
  0o100000: "file",
  0o040000: "directory",
  0o120000: "symlink",
  0o060000: "block device",
  0o020000: "character device",
  0o010000: "pipe",
  0o140000: "socket",
};

interface Wanted {
  file: BundleFile;
  entry: yauzl.Entry;
}

/** @throws {WeftError} for what must not be; whatever else for what cannot be read. */
export async function unpackZip(path: string, options: UnpackOptions): Promise<void> {
  using source = await FileSource.open(path);
  const zip = await yauzl.fromRandomAccessReaderPromise(new SourceReader(source), source.size, {
    decodeStrings: false,
    validateEntrySizes: true,
    autoClose: false,
  });
  for (const wanted of await chooseEntries(zip, options)) {
    options.signal.throwIfAborted();
    await unpackEntry(wanted, { zip, source, ...options });
  }
}

/** Looks at every entry before anything is unpacked. */
async function chooseEntries(
  zip: yauzl.ZipFile,
  { maxBytes, signal }: UnpackOptions,
): Promise<Wanted[]> {
  const entries = new BundleEntries({ maxBytes });
  const wanted: Wanted[] = [];
  const all: yauzl.Entry[] = [];
  if (zip.entryCount > MAX_ENTRIES) {
    throw adapterError("archive_entry_not_allowed", `it has more than ${MAX_ENTRIES} entries`);
  }
  for await (const entry of zip.eachEntry()) {
    signal.throwIfAborted();
    const name = nameOf(entry);
    const file = entries.admit({ name, kind: kindOf(entry, name), size: entry.uncompressedSize });
    checkPacking(entry, name);
    all.push(entry);
    if (file !== null) wanted.push({ file, entry });
  }
  entries.finish();
  checkOverlap(all);
  return wanted;
}

function nameOf(entry: yauzl.Entry): string {
  const { generalPurposeBitFlag, fileNameRaw, extraFields } = entry;
  return yauzl.getFileNameLowLevel(generalPurposeBitFlag, fileNameRaw, extraFields, true);
}

function kindOf(entry: yauzl.Entry, name: string): string {
  const type = (entry.externalFileAttributes >>> 16) & TYPE_MASK;
  const kind = TYPES[type] ?? `thing of unknown type 0${type.toString(8)}`;
  return kind === "file" && name.endsWith("/") ? "directory" : kind;
}

function checkPacking(entry: yauzl.Entry, name: string): void {
  if (entry.isEncrypted()) {
    throw adapterError("archive_entry_not_allowed", `${quote(name)} is encrypted`);
  }
  if (entry.compressionMethod !== STORED && entry.compressionMethod !== DEFLATED) {
    throw adapterError(
      "archive_entry_not_allowed",
      `${quote(name)} is packed by method ${entry.compressionMethod}; allowed are ${STORED} ` +
        `(stored) and ${DEFLATED} (deflate)`,
    );
  }
  checkRatio(entry.compressedSize, entry.uncompressedSize);
}

/** Entries that share bytes are how a small archive holds much. */
function checkOverlap(entries: readonly yauzl.Entry[]): void {
  const byOffset = entries.toSorted((a, b) =>
    a.relativeOffsetOfLocalHeader - b.relativeOffsetOfLocalHeader
  );
  let end = 0;
  for (const entry of byOffset) {
    const { relativeOffsetOfLocalHeader: start, fileNameLength, compressedSize } = entry;
    if (start < end) {
      throw adapterError("archive_bomb", `${quote(nameOf(entry))} shares bytes with another entry`);
    }
    end = start + LOCAL_HEADER_BYTES + fileNameLength + compressedSize;
  }
}

interface EntryOptions extends UnpackOptions {
  zip: yauzl.ZipFile;
  source: ByteSource;
}

async function unpackEntry(
  { file, entry }: Wanted,
  { zip, source, into, maxBytes, signal }: EntryOptions,
): Promise<void> {
  const header = await zip.readLocalFileHeaderPromise(entry);
  if (
    !header.fileName.equals(entry.fileNameRaw) ||
    header.compressionMethod !== entry.compressionMethod
  ) {
    throw new Error(`${file} is described in two ways`);
  }
  const start = header.fileDataStart;
  const size = entry.uncompressedSize;
  const packed = readRange(source, { start, end: start + entry.compressedSize, signal });
  const data = entry.compressionMethod === STORED
    ? packed
    : inflate(packed, { format: "deflate-raw", maxBytes, signal });
  await writeNew(join(into, file), checked(data, { file, size, checksum: entry.crc32 }));
}

/** Passes the data through, and fails unless it is what was announced. */
async function* checked(
  data: AsyncIterable<Uint8Array<ArrayBuffer>>,
  { file, size, checksum }: { file: BundleFile; size: number; checksum: number },
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let bytes = 0;
  let sum = 0;
  for await (const chunk of data) {
    bytes += chunk.byteLength;
    if (bytes > size) break;
    sum = crc32(chunk, sum);
    yield chunk;
  }
  if (bytes !== size) throw new Error(`${file} does not have the announced ${size} bytes`);
  if (sum !== checksum) throw new Error(`${file} does not match its checksum`);
}

/** What yauzl reads through. */
class SourceReader extends yauzl.RandomAccessReader {
  readonly #source: ByteSource;

  constructor(source: ByteSource) {
    super();
    this.#source = source;
  }

  override read(
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytesRead?: number) => void,
  ): void {
    this.#source.read(position, length).then(
      (bytes) => {
        buffer.set(bytes, offset);
        callback(null, length);
      },
      callback,
    );
  }
}
