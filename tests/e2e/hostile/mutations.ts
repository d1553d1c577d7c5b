/** Damage to a real adapter's two files: some aimed at a rule of their formats, some at random. */
import { withHeader } from "../../engine/core/safetensors_builder.ts";
import { randomFrom } from "../../adapters/download/support.ts";
import type { Content } from "../adapter_origin.ts";

export interface Mutant extends Content {
  what: string;
  /** Whatever the damage: a valid adapter is as good an answer as a refusal. */
  mayBeValid: boolean;
}

type Bytes = Uint8Array<ArrayBuffer>;
type Header = Record<string, { dtype: string; shape: number[]; data_offsets: number[] }>;

const encode = (text: string): Bytes => new TextEncoder().encode(text);
const PICKLE = Uint8Array.of(
  0x80,
  2,
  ...encode("cposix\nsystem\nX\x04\0\0\0trueq\0\x85q\x01Rq\x02."),
);

/** Each breaks a rule, and must be refused. */
export function aimed({ config, weights }: Content): Mutant[] {
  const { header, data } = split(weights);
  const [first, second] = Object.keys(header).filter((name) => name !== "__metadata__");
  const settings = JSON.parse(new TextDecoder().decode(config));
  const text = JSON.stringify(header);

  const files: Record<string, Bytes> = {
    "nothing": new Uint8Array(),
    "seven bytes": new Uint8Array(7),
    "a pickle": PICKLE,
    "a zip, as torch saves it": Uint8Array.of(0x50, 0x4b, 3, 4, ...weights),
    "a pointer of git-lfs": encode("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
    "a page of HTML": encode("<!doctype html><title>Sign in</title>"),
    "a header of 2⁶⁴−1 bytes": claiming(weights, 2n ** 64n - 1n),
    "a header of 2⁶³ bytes": claiming(weights, 2n ** 63n),
    "a header of 0 bytes": claiming(weights, 0n),
    "a header one byte too long": claiming(weights, BigInt(encode(text).length + 1)),
    "a header as long as the file": claiming(weights, BigInt(weights.length - 8)),
    "a header that is an array": join("[]", data),
    "a header that is null": join("null", data),
    "a header that is deep": join("[".repeat(1_000_000) + "]".repeat(1_000_000), data),
    "a header that is deep within": join(
      `{"x":${'{"y":'.repeat(200_000)}1${"}".repeat(200_001)}`,
      data,
    ),
    "a header of 5 MB": join(
      JSON.stringify({ ...header, __metadata__: { x: "y".repeat(5e6) } }),
      data,
    ),
    "a header that isn't UTF-8": join(
      Uint8Array.of(...encode('{"'), 0xff, ...encode('":1}')),
      data,
    ),
    "a header with a mark": join(`\ufeff${text}`, data),
    "a key twice": join(text.replace("{", `{${JSON.stringify(first)}:{},`), data),
    "a key twice, spelt otherwise": join(
      text.replace("{", `{"\\u0062${first.slice(1)}":{},`),
      data,
    ),
    "metadata that is no text": join(JSON.stringify({ ...header, __metadata__: { x: 1 } }), data),
    "no tensors": join("{}", new Uint8Array()),
    "more data than tensors": join(text, Uint8Array.of(...data, 0)),
    "less data than tensors": join(text, data.slice(0, -1)),
    "another's tensors": join(text.replaceAll("layers.0.", "layers.900."), data),
    "NaN": numbers(weights, NaN),
    "infinity": numbers(weights, -Infinity),
  };
  const tensors: Record<string, object> = {
    "a huge shape": { shape: [2 ** 31, 2 ** 31] },
    "a shape beyond numbers": { shape: [1e300, 1e300] },
    "a negative shape": { shape: [-1, 4] },
    "a broken shape": { shape: [1.5, 4] },
    "a shape of ten thousand ones": { shape: Array(10_000).fill(1) },
    "a shape that is no list": { shape: { length: 2 } },
    "no shape": { shape: undefined },
    "offsets back to front": { data_offsets: header[first].data_offsets.toReversed() },
    "offsets beyond the file": { data_offsets: [0, 2 ** 53 - 1] },
    "negative offsets": { data_offsets: [-8, 8] },
    "another's offsets": { data_offsets: header[second].data_offsets },
    "three offsets": { data_offsets: [0, 4, 8] },
    "an unknown dtype": { dtype: "F128" },
    "a dtype that objects inherit": { dtype: "constructor" },
    "whole numbers": { dtype: "I32" },
    "an unknown field": { compressed: true },
  };
  for (const [what, change] of Object.entries(tensors)) {
    const changed = { ...header, [first]: { ...header[first], ...change } };
    files[`a tensor with ${what}`] = join(JSON.stringify(changed), data);
  }

  const configs: Record<string, Bytes> = {
    "nothing": new Uint8Array(),
    "a pickle": PICKLE,
    "an array": encode("[]"),
    "null": encode("null"),
    "a number": encode("1e999"),
    "deep JSON": encode("[".repeat(499_000) + "]".repeat(499_000)),
    "a key twice": encode(`{"r": 1, ${new TextDecoder().decode(config).trim().slice(1)}`),
    "a byte order mark": Uint8Array.of(0xef, 0xbb, 0xbf, ...config),
    "UTF-16": Uint8Array.from(Array.from(config).flatMap((byte) => [byte, 0])),
    "half of itself": config.slice(0, config.length >> 1),
    "itself twice": Uint8Array.of(...config, ...config),
  };
  const changes: Record<string, unknown>[] = [
    ...[0, -1, 1.5, 1e9, 2 ** 53, "8", null, [], true].map((r) => ({ r: r ?? {} })),
    ...[1e300, -1e300, "16", [], {}].map((lora_alpha) => ({ lora_alpha })),
    ...["IA3", "LOHA", 1, null, ["LORA"]].map((peft_type) => ({ peft_type })),
    ...["(a+)+$", "(", "(.*)*.*(.*)*$", "(?P<a", "\\", "a{99999}", [], [1], {}, 7, [""]].map(
      (target_modules) => ({ target_modules }),
    ),
    { target_modules: ["lm_head"] },
    { target_modules: ["q_proj", "__proto__", "constructor"], rank_pattern: { constructor: 3 } },
    { rank_pattern: { q_proj: 0, ".*": 0 } },
    { rank_pattern: Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`x${i}`, 1])) },
    { alpha_pattern: { ".*": 1e300 } },
    { use_dora: true },
    { use_mystery: true },
    { bias: "all" },
    { modules_to_save: ["lm_head"] },
    { trainable_token_indices: [1] },
    { layer_replication: [[0, 9]] },
    { init_lora_weights: "pissa" },
    { layers_to_transform: [1e9] },
    { auto_mapping: { base_model_class: "os.system" }, peft_type: "CUSTOM" },
  ];
  for (const change of changes) {
    configs[JSON.stringify(change).slice(0, 80)] = encode(
      JSON.stringify({ ...settings, ...change }),
    );
  }

  return [
    ...Object.entries(files).map(([what, weights]) => ({ what, config, weights })),
    ...Object.entries(configs).map(([what, config]) => ({
      what: `a configuration that is or has ${what}`,
      config,
      weights,
    })),
  ].map((mutant) => ({ ...mutant, mayBeValid: false }));
}

/** The same for the same seed. */
export function* randomMutants(
  { config, weights }: Content,
  { count, seed }: { count: number; seed: number },
): Generator<Mutant> {
  const random = randomFrom(seed);
  const upTo = (most: number) => Math.floor(random() * most);
  const headerEnd = weights.length - split(weights).data.length;
  for (let i = 0; i < count; i++) {
    const isConfig = i % 3 === 0;
    const original = isConfig ? config : weights;
    // A weights file is numbers for the most part; what can go wrong is in its header.
    const span = !isConfig && i % 2 === 0 ? headerEnd : original.length;
    let bytes: Bytes = original.slice();
    const damages = 1 + upTo(4);
    for (let n = 0; n < damages; n++) bytes = damage(bytes, { at: upTo(span), upTo });
    yield {
      what: `mutant ${i} of seed ${seed}`,
      config: isConfig ? bytes : config,
      weights: isConfig ? weights : bytes,
      mayBeValid: true,
    };
  }
}

function damage(
  bytes: Bytes,
  { at, upTo }: { at: number; upTo: (most: number) => number },
): Bytes {
  switch (upTo(8)) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      return Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(at + upTo(64)));
    case 2:
      return Uint8Array.of(...bytes.subarray(0, at + upTo(64)), ...bytes.subarray(at));
    case 3:
      bytes[at] = upTo(256);
      return bytes;
    case 4:
      // Digits are what shapes, offsets and ranks are made of.
      return bytes.map((byte, i) =>
        i >= at && i < at + 40 && byte >= 48 && byte < 58 ? 48 + upTo(10) : byte
      );
    default:
      bytes[at] ^= 1 << upTo(8);
      return bytes;
  }
}

function split(weights: Bytes): { header: Header; data: Bytes } {
  const length = Number(new DataView(weights.buffer).getBigUint64(0, true));
  return {
    header: JSON.parse(new TextDecoder().decode(weights.subarray(8, 8 + length))),
    data: weights.slice(8 + length),
  };
}

function join(header: string | Bytes, data: Bytes): Bytes {
  const bytes = withHeader(header, { dataBytes: data.length });
  bytes.set(data, bytes.length - data.length);
  return bytes;
}

function claiming(weights: Bytes, length: bigint): Bytes {
  const bytes = weights.slice();
  new DataView(bytes.buffer).setBigUint64(0, length, true);
  return bytes;
}

/** The last of the tensors' numbers, which are f32. */
function numbers(weights: Bytes, value: number): Bytes {
  const bytes = weights.slice();
  new DataView(bytes.buffer).setFloat32(bytes.length - 4, value, true);
  return bytes;
}
