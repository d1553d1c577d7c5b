import { gzipSync } from "node:zlib";
import type { BundleKind } from "../../../adapters/download/bundle.ts";
import type { AdapterReason } from "../../../adapters/reasons.ts";
import { buildSafetensors } from "../../engine/core/safetensors_builder.ts";
import { makeTar, paxRecords, type TarEntry } from "./tar_builder.ts";
import { concat, makeZip, zip64Extra, type ZipEntry } from "./zip_builder.ts";

export const CONFIG = '{"peft_type":"LORA","r":8}';
export const WEIGHTS = noise(3000);
/** The most that the corpus's archives may unpack to. */
export const MAX_BYTES = 8 << 20;

export interface ArchiveCase {
  what: string;
  kind: BundleKind;
  bytes: Uint8Array<ArrayBuffer>;
  /** Absent: both files come out, as CONFIG and WEIGHTS. */
  reason?: AdapterReason;
  /** What the message must say. */
  says?: RegExp;
}

const config = { name: "adapter_config.json", data: CONFIG };
const weights = { name: "adapter_model.safetensors", data: WEIGHTS };
const both = [config, weights];
const inFolder = (folder: string) => both.map((file) => ({ ...file, name: folder + file.name }));
const many = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ name: `note_${i}.txt`, data: "x" }));

const zip = (entries: ZipEntry[], options = {}) => makeZip(entries, options);
const tar = (entries: TarEntry[], options = {}) => makeTar(entries, options);
export const gzip = (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes));
const pax = (records: Record<string, string>): TarEntry => ({
  name: "pax",
  type: "x",
  data: paxRecords(records),
});

const goodZip = zip(both);
const goodTar = tar(both);
const zeros = new Uint8Array(4 << 20);
const link = (type: string): TarEntry[] => [...both, { name: "other", type, link: "/etc/passwd" }];
const bothFormats = (
  { what, ...rest }: Omit<ArchiveCase, "kind" | "bytes">,
  entries: { name: string; data?: string | Uint8Array }[],
): ArchiveCase[] => [
  { what: `${what} (zip)`, kind: "zip", bytes: zip(entries), ...rest },
  { what: `${what} (tar)`, kind: "tar", bytes: tar(entries), ...rest },
  { what: `${what} (tar.gz)`, kind: "tar.gz", bytes: gzip(tar(entries)), ...rest },
];
const hostileName = (what: string, name: string, says: RegExp): ArchiveCase[] => {
  const rest = { reason: "archive_entry_not_allowed", says } as const;
  return [
    { what: `${what} (zip)`, kind: "zip", bytes: zip([...both, { name, data: "x" }]), ...rest },
    {
      what: `${what} (tar)`,
      kind: "tar",
      bytes: tar([...both, pax({ path: name }), { name: "x", data: "x" }]),
      ...rest,
    },
  ];
};

export const GOOD: ArchiveCase[] = [
  ...bothFormats({ what: "at the root" }, both),
  ...bothFormats({ what: "in a folder" }, inFolder("sql/")),
  ...bothFormats({ what: "deep down, beside other files" }, [
    { name: "README.md", data: "hello" },
    ...inFolder("a/b/c/"),
    { name: "a/optimizer.pt", data: "ignored" },
    { name: "__MACOSX/a/b/c/._adapter_config.json", data: "ignored" },
  ]),
  ...bothFormats({ what: "under ./" }, inFolder("./")),
  ...bothFormats({ what: "with as many entries as are allowed" }, [...many(62), ...both]),
  {
    what: "a zip with directories",
    kind: "zip",
    bytes: zip([{ name: "a/", method: 0, mode: 0o040755 }, ...inFolder("a/")]),
  },
  {
    what: "a zip that stores",
    kind: "zip",
    bytes: zip(both.map((file) => ({ ...file, method: 0 }))),
  },
  { what: "a zip64", kind: "zip", bytes: zip(both, { zip64: true }) },
  {
    what: "a zip made on DOS",
    kind: "zip",
    bytes: zip(both.map((file) => ({ ...file, mode: 0, flags: 0 }))),
  },
  {
    what: "a tar with directories",
    kind: "tar",
    bytes: tar([{ name: "a/", type: "5" }, ...inFolder("a/")]),
  },
  {
    what: "a tar with a pax header",
    kind: "tar",
    bytes: tar([config, pax({ path: weights.name }), { ...weights, name: "short" }]),
  },
  {
    what: "a tar with a GNU long name",
    kind: "tar",
    bytes: tar([
      { name: "././@LongLink", type: "L", data: `${"d/".repeat(60)}${config.name}\0` },
      { ...config, name: "short" },
      { name: "././@LongLink", type: "L", data: `${"d/".repeat(60)}${weights.name}\0` },
      { ...weights, name: "short" },
    ]),
  },
  {
    what: "a tar with a prefix",
    kind: "tar",
    bytes: tar(both.map((file) => ({ ...file, prefix: "some/where" }))),
  },
  { what: "a tar with blocks to spare", kind: "tar", bytes: tar(both, { endBlocks: 20 }) },
];

export const BAD: ArchiveCase[] = [
  // Names.
  ...hostileName("..", "../escape.txt", /\.\./),
  ...hostileName(".. within", "a/../../escape.txt", /\.\./),
  ...hostileName("absolute", "/tmp/escape.txt", /absolute/),
  ...hostileName("drive letter", "C:escape.txt", /absolute/),
  ...hostileName("backslash", "a\\..\\escape.txt", /backslash/),
  ...hostileName("NUL", "adapter_config.json\0.txt", /control character/),
  ...hostileName("line feed", "a\nb.txt", /control character/),
  ...hostileName("too long", "d/".repeat(600), /longer than 1024/),
  {
    what: "empty name",
    kind: "zip",
    bytes: zip([...both, { name: "" }]),
    reason: "archive_entry_not_allowed",
    says: /empty/,
  },
  // Kinds of entries.
  ...([
    ["symlink", 0o120777],
    ["block device", 0o060644],
    ["character device", 0o020644],
    [
      "pipe",
      0o010644,
    ],
    ["socket", 0o140644],
    ["unknown type", 0o030644],
  ] as const).map(([what, mode]): ArchiveCase => ({
    what: `${what} (zip)`,
    kind: "zip",
    bytes: zip([...both, { name: "other", data: "/etc/passwd", mode }]),
    reason: "archive_entry_not_allowed",
    says: new RegExp(what),
  })),
  ...([["link", "1"], ["symlink", "2"], ["character-device", "3"], ["block-device", "4"], [
    "fifo",
    "6",
  ]] as const).map(([what, type]): ArchiveCase => ({
    what: `${what} (tar)`,
    kind: "tar",
    bytes: tar(link(type)),
    reason: "archive_entry_not_allowed",
    says: new RegExp(`is a ${what};`),
  })),
  {
    what: "the weights as a symlink (tar)",
    kind: "tar",
    bytes: tar([config, { name: weights.name, type: "2", link: "/etc/passwd" }]),
    reason: "archive_entry_not_allowed",
  },
  {
    what: "the weights as a symlink (zip)",
    kind: "zip",
    bytes: zip([config, { name: weights.name, data: "/etc/passwd", mode: 0o120777 }]),
    reason: "archive_entry_not_allowed",
  },
  {
    what: "encrypted",
    kind: "zip",
    bytes: zip([config, { ...weights, flags: 0x801, method: 8 }]),
    reason: "archive_entry_not_allowed",
    says: /encrypted/,
  },
  {
    what: "method 12 (bzip2)",
    kind: "zip",
    bytes: zip([config, { ...weights, method: 12 }]),
    reason: "archive_entry_not_allowed",
    says: /method 12/,
  },
  // What must be there.
  ...bothFormats({ what: "no weights", reason: "missing_file", says: /no adapter_model/ }, [
    config,
  ]),
  ...bothFormats({ what: "no config", reason: "missing_file", says: /no adapter_config/ }, [
    weights,
  ]),
  ...bothFormats({ what: "nothing at all", reason: "missing_file" }, []),
  ...bothFormats({ what: "apart", reason: "missing_file", says: /same folder/ }, [
    { ...config, name: "a/adapter_config.json" },
    { ...weights, name: "b/adapter_model.safetensors" },
  ]),
  ...bothFormats(
    { what: "only a pickle", reason: "pickle_not_allowed", says: /adapter_model.bin/ },
    [
      config,
      { name: "adapter_model.bin", data: "x" },
    ],
  ),
  ...bothFormats({ what: "two of one name", reason: "archive_entry_not_allowed", says: /twice/ }, [
    ...both,
    config,
  ]),
  ...bothFormats({
    what: "a second adapter",
    reason: "archive_entry_not_allowed",
    says: /twice/,
  }, [...both, ...inFolder("checkpoint-1/")]),
  ...bothFormats({
    what: "too many entries",
    reason: "archive_entry_not_allowed",
    says: /more than 64/,
  }, [...both, ...many(63)]),
  {
    what: "a directory in the place of the config",
    kind: "zip",
    bytes: zip([{ name: "adapter_config.json/", method: 0 }, weights]),
    reason: "missing_file",
  },
  // Sizes.
  ...bothFormats({ what: "too large", reason: "download_too_large" }, [
    config,
    { ...weights, data: noise(MAX_BYTES) },
  ]),
  ...bothFormats({ what: "too large together", reason: "download_too_large" }, [
    ...both,
    { name: "a", data: noise(MAX_BYTES / 2) },
    { name: "b", data: noise(MAX_BYTES / 2) },
  ]),
  ...bothFormats({ what: "too large a config", reason: "download_too_large" }, [
    { ...config, data: noise(1_000_001) },
    weights,
  ]),
  {
    what: "a declared size beyond all",
    kind: "tar",
    bytes: tar([config, { ...weights, size: 0o77777777777, data: noise(MAX_BYTES) }]),
    reason: "download_too_large",
  },
  {
    what: "a declared size beyond 2⁵³",
    kind: "tar",
    bytes: tar([config, { ...weights, sizeText: `\x7f${"\x7f".repeat(11)}` }]),
    reason: "bad_archive",
  },
  {
    what: "a negative size in pax, which counts for nothing",
    kind: "tar",
    bytes: tar([config, pax({ size: "-1" }), { ...weights, size: 4000 }]),
    reason: "bad_archive",
  },
  // Bombs.
  {
    what: "zeros",
    kind: "zip",
    bytes: zip([config, { ...weights, data: zeros }]),
    reason: "archive_bomb",
  },
  {
    what: "zeros in a file passed over",
    kind: "zip",
    bytes: zip([...both, { name: "zeros", data: zeros }]),
    reason: "archive_bomb",
  },
  {
    what: "zeros",
    kind: "tar.gz",
    bytes: gzip(tar([config, { ...weights, data: zeros }])),
    reason: "archive_bomb",
  },
  {
    what: "zeros after the end",
    kind: "tar.gz",
    bytes: gzip(concat([goodTar, zeros])),
    reason: "archive_bomb",
  },
  {
    what: "zeros, said to be few",
    kind: "zip",
    bytes: zip([config, { ...weights, data: zeros, size: 5000 }]),
    reason: "archive_bomb",
  },
  {
    what: "more than was said",
    kind: "zip",
    bytes: zip([config, { ...weights, size: 2999 }]),
    reason: "bad_archive",
    says: /2999 bytes/,
  },
  {
    what: "less than was said",
    kind: "zip",
    bytes: zip([config, { ...weights, size: 3001 }]),
    reason: "bad_archive",
    says: /3001 bytes/,
  },
  {
    what: "entries on the same bytes",
    kind: "zip",
    bytes: zip([config, weights, { ...weights, name: "copy", offset: 0 }]),
    reason: "archive_bomb",
    says: /shares bytes/,
  },
  {
    what: "an entry within another's data",
    kind: "zip",
    bytes: zip([...both, { name: "inner", offset: 40 }]),
    reason: "archive_bomb",
    says: /shares bytes/,
  },
  // Damage.
  { what: "empty", kind: "zip", bytes: new Uint8Array(), reason: "bad_archive" },
  { what: "empty", kind: "tar", bytes: new Uint8Array(), reason: "bad_archive" },
  { what: "empty", kind: "tar.gz", bytes: new Uint8Array(), reason: "bad_archive" },
  { what: "noise", kind: "zip", bytes: noise(5000), reason: "bad_archive" },
  { what: "noise", kind: "tar", bytes: noise(5000), reason: "bad_archive" },
  { what: "noise", kind: "tar.gz", bytes: noise(5000), reason: "bad_archive" },
  { what: "cut short", kind: "zip", bytes: goodZip.slice(0, -30), reason: "bad_archive" },
  { what: "cut short", kind: "tar", bytes: goodTar.slice(0, 2000), reason: "bad_archive" },
  {
    what: "cut short in a header",
    kind: "tar",
    bytes: goodTar.slice(0, 1100),
    reason: "bad_archive",
  },
  {
    what: "without an end",
    kind: "tar",
    bytes: tar(both, { endBlocks: 0 }),
    reason: "bad_archive",
  },
  {
    what: "with one end block",
    kind: "tar",
    bytes: tar(both, { endBlocks: 1 }),
    reason: "bad_archive",
  },
  { what: "cut short", kind: "tar.gz", bytes: gzip(goodTar).slice(0, -20), reason: "bad_archive" },
  {
    what: "without its checksum",
    kind: "tar.gz",
    bytes: gzip(goodTar).slice(0, -8),
    reason: "bad_archive",
  },
  {
    what: "something after the end",
    kind: "tar",
    bytes: tar(both, { suffix: noise(512) }),
    reason: "bad_archive",
  },
  {
    what: "something after the end",
    kind: "tar.gz",
    bytes: concat([gzip(goodTar), noise(50)]),
    reason: "bad_archive",
  },
  {
    what: "something before the start",
    kind: "zip",
    bytes: zip(both, { prefix: noise(100) }),
    reason: "bad_archive",
  },
  {
    what: "something after the end",
    kind: "zip",
    bytes: zip(both, { suffix: noise(100) }),
    reason: "bad_archive",
  },
  {
    what: "a wrong checksum",
    kind: "zip",
    bytes: zip([config, { ...weights, crc: 1 }]),
    reason: "bad_archive",
    says: /checksum/,
  },
  {
    what: "a wrong checksum",
    kind: "tar",
    bytes: tar([config, { ...weights, checksum: 1 }]),
    reason: "bad_archive",
  },
  {
    what: "damaged deflate data",
    kind: "zip",
    bytes: zip([config, { ...weights, packed: noise(3000) }]),
    reason: "bad_archive",
  },
  {
    what: "another name in the local header",
    kind: "zip",
    bytes: zip([config, { ...weights, localName: "adapter_model.safetensorz" }]),
    reason: "bad_archive",
    says: /two ways/,
  },
  {
    what: "fewer entries than claimed",
    kind: "zip",
    bytes: zip(both, { count: 3 }),
    reason: "bad_archive",
  },
  {
    what: "more packed bytes than the file",
    kind: "zip",
    bytes: zip([config, { ...weights, packedSize: 0x7fffffff }]),
    reason: "bad_archive",
  },
  {
    what: "a zip64 size beyond all",
    kind: "zip",
    bytes: zip([config, { ...weights, size: 0xffffffff, extra: zip64Extra(2 ** 52) }]),
    reason: "download_too_large",
  },
  {
    what: "a zip64 field that is too short",
    kind: "zip",
    bytes: zip([config, { ...weights, size: 0xffffffff, extra: zip64Extra() }]),
    reason: "bad_archive",
  },
  {
    what: "a zip64 offset beyond the file",
    kind: "zip",
    bytes: zip([config, { ...weights, offset: 0xffffffff, extra: zip64Extra(2 ** 40) }]),
    reason: "bad_archive",
  },
  {
    what: "a zip64 with 2⁴⁰ entries",
    kind: "zip",
    bytes: zip(both, { zip64: true, count: 2 ** 40 }),
    reason: "archive_entry_not_allowed",
  },
  { what: "really a tar", kind: "zip", bytes: goodTar, reason: "bad_archive" },
  { what: "really a zip", kind: "tar", bytes: goodZip, reason: "bad_archive" },
  { what: "really a tar", kind: "tar.gz", bytes: goodTar, reason: "bad_archive" },
  // Lone tensors.
  {
    what: "without a configuration",
    kind: "safetensors",
    bytes: buildSafetensors({}),
    reason: "missing_file",
    says: /__metadata__/,
  },
  { what: "empty", kind: "safetensors", bytes: new Uint8Array(), reason: "bad_archive" },
  { what: "noise", kind: "safetensors", bytes: noise(100), reason: "bad_archive" },
  {
    what: "too large",
    kind: "safetensors",
    bytes: noise(MAX_BYTES + 1),
    reason: "download_too_large",
  },
];

/** Bytes that don't shrink, the same each time. */
export function noise(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = 0x9e3779b9;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state;
  }
  return bytes;
}
