import { crc32, deflateRawSync } from "node:zlib";

/** An entry of a made-up zip. Everything but name and data is worked out; to lie, set it. */
export interface ZipEntry {
  name: string | Uint8Array;
  data?: Uint8Array | string;
  method?: number;
  flags?: number;
  /** Unix file type and permissions, for the upper half of the attributes. */
  mode?: number;
  crc?: number;
  /** As both headers claim. */
  size?: number;
  packedSize?: number;
  /** The packed bytes themselves. */
  packed?: Uint8Array;
  /** In the directory alone. */
  offset?: number;
  extra?: Uint8Array;
  /** In the local header alone. */
  localName?: string;
}

export interface ZipOptions {
  /** Claimed number of entries. */
  count?: number;
  prefix?: Uint8Array;
  suffix?: Uint8Array;
  zip64?: boolean;
}

/** A zip with these entries, byte by byte as APPNOTE.TXT 6.3 lays it out, lies included. */
export function makeZip(
  entries: readonly ZipEntry[],
  options: ZipOptions = {},
): Uint8Array<ArrayBuffer> {
  const bytes: Uint8Array[] = [options.prefix ?? new Uint8Array()];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = toBytes(entry.name);
    const data = toBytes(entry.data ?? "");
    const method = entry.method ?? 8;
    const packed = entry.packed ?? (method === 8 ? new Uint8Array(deflateRawSync(data)) : data);
    const localName = entry.localName === undefined ? name : toBytes(entry.localName);
    const common = (nameLength: number, extraLength: number) => [
      u16(20),
      u16(entry.flags ?? 0x800),
      u16(method),
      u32(0),
      u32(entry.crc ?? crc32(data)),
      u32(entry.packedSize ?? packed.length),
      u32(entry.size ?? data.length),
      u16(nameLength),
      u16(extraLength),
    ];
    const local = concat([u32(0x04034b50), ...common(localName.length, 0), localName, packed]);
    const extra = entry.extra ?? new Uint8Array();
    directory.push(concat([
      u32(0x02014b50),
      u16(0x031e),
      ...common(name.length, extra.length),
      u16(0),
      u16(0),
      u16(0),
      u32(((entry.mode ?? 0o100644) << 16) >>> 0),
      u32(entry.offset ?? offset),
      name,
      extra,
    ]));
    bytes.push(local);
    offset += local.length;
  }
  const listing = concat(directory);
  const count = options.count ?? entries.length;
  const end = options.zip64 ? zip64End({ count, size: listing.length, offset }) : new Uint8Array();
  bytes.push(
    listing,
    end,
    concat([
      u32(0x06054b50),
      u16(0),
      u16(0),
      u16(options.zip64 ? 0xffff : count),
      u16(options.zip64 ? 0xffff : count),
      u32(options.zip64 ? 0xffffffff : listing.length),
      u32(options.zip64 ? 0xffffffff : offset),
      u16(0),
    ]),
    options.suffix ?? new Uint8Array(),
  );
  return concat(bytes);
}

/** The extra field in which zip64 keeps what does not fit into 32 bits. */
export function zip64Extra(...values: number[]): Uint8Array {
  return concat([u16(1), u16(values.length * 8), ...values.map(u64)]);
}

function zip64End(at: { count: number; size: number; offset: number }): Uint8Array {
  return concat([
    u32(0x06064b50),
    u64(44),
    u16(45),
    u16(45),
    u32(0),
    u32(0),
    u64(at.count),
    u64(at.count),
    u64(at.size),
    u64(at.offset),
    u32(0x07064b50),
    u32(0),
    u64(at.offset + at.size),
    u32(1),
  ]);
}

export function toBytes(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? new TextEncoder().encode(value) : value;
}

export function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function u16(value: number): Uint8Array {
  return new Uint8Array(new Uint16Array([value]).buffer);
}

function u32(value: number): Uint8Array {
  return new Uint8Array(new Uint32Array([value]).buffer);
}

function u64(value: number): Uint8Array {
  return new Uint8Array(new BigUint64Array([BigInt(value)]).buffer);
}
