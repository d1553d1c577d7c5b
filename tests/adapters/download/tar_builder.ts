import { concat, toBytes } from "./zip_builder.ts";

const BLOCK = 512;

/** An entry of a made-up tar. Everything but the name is worked out; to lie, set it. */
export interface TarEntry {
  name: string;
  data?: Uint8Array | string;
  /** POSIX type flag; "0" is a regular file. */
  type?: string;
  /** As the header claims. */
  size?: number;
  /** The size field's own text. */
  sizeText?: string;
  link?: string;
  checksum?: number;
  prefix?: string;
}

export interface TarOptions {
  /** Zero blocks at the end; two are right. */
  endBlocks?: number;
  suffix?: Uint8Array;
}

/** A POSIX (ustar) archive with these entries, lies included. */
export function makeTar(
  entries: readonly TarEntry[],
  options: TarOptions = {},
): Uint8Array<ArrayBuffer> {
  const parts = entries.flatMap((entry) => {
    const data = toBytes(entry.data ?? "");
    return [header(entry, data.length), data, new Uint8Array(-data.length & (BLOCK - 1))];
  });
  parts.push(new Uint8Array(BLOCK * (options.endBlocks ?? 2)), options.suffix ?? new Uint8Array());
  return concat(parts);
}

/** What a pax header, which comes before its entry, holds. */
export function paxRecords(records: Record<string, string>): string {
  return Object.entries(records).map(([key, value]) => {
    const rest = toBytes(` ${key}=${value}\n`).length;
    const length = rest + String(rest + String(rest).length).length;
    return `${length} ${key}=${value}\n`;
  }).join("");
}

function header(entry: TarEntry, length: number): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const put = (at: number, value: string) => block.set(toBytes(value), at);
  put(0, entry.name);
  put(100, "0000644\0");
  put(108, "0000000\0");
  put(116, "0000000\0");
  put(124, entry.sizeText ?? `${(entry.size ?? length).toString(8).padStart(11, "0")}\0`);
  put(136, "00000000000\0");
  put(148, "        ");
  put(156, entry.type ?? "0");
  put(157, entry.link ?? "");
  put(257, "ustar\x0000");
  put(345, entry.prefix ?? "");
  const sum = entry.checksum ?? block.reduce((total, byte) => total + byte, 0);
  put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  return block;
}
