/** Writes ONNX files; for tests also such as no exporter would (field numbers: onnx.proto3). */

export const FLOAT = 1;
export const INT32 = 6;
export const INT64 = 7;
export const FLOAT16 = 10;

/** A constant: float32 values, f16 bits, or int64 where they are bigint; `dims` may lie. */
export interface Constant {
  dims: number[];
  values: number[] | bigint[] | Float32Array | Uint16Array;
  external?: boolean;
}

/** A whole number, a list of them, a text, or a float. */
export type Attribute = number | number[] | string | { float: number };

/** One operation; an input or output left out has the name "". */
export interface Operation {
  op: string;
  inputs: string[];
  outputs: string[];
  attributes?: Record<string, Attribute>;
  domain?: string;
}

export interface ModelOutline {
  nodes: Operation[];
  constants: Record<string, Constant>;
  inputs: Record<string, { type: number; shape: (number | string)[] }>;
  outputs: Record<string, { type: number; shape: (number | string)[] }>;
  metadata: Record<string, string>;
  /** 17 unless given. */
  opset?: number;
  /** Versions of the operator sets besides ONNX's own, by domain. */
  domains?: Record<string, number>;
}

/** The bytes of a ModelProto. */
export function onnxFile(model: ModelOutline): Uint8Array<ArrayBuffer> {
  const graph = [
    ...model.nodes.map((node) => field(1, operation(node))),
    field(2, "router"),
    ...Object.entries(model.constants).map(([name, value]) => field(5, constant(name, value))),
    ...Object.entries(model.inputs).map(([name, value]) => field(11, valueInfo(name, value))),
    ...Object.entries(model.outputs).map(([name, value]) => field(12, valueInfo(name, value))),
  ];
  const opsets = Object.entries({ "": model.opset ?? 17, ...model.domains })
    .map(([domain, version]) => field(8, join([field(1, domain), field(2, version)])));
  const metadata = Object.entries(model.metadata)
    .map(([key, value]) => field(14, join([field(1, key), field(2, value)])));
  return join([field(1, 8), field(7, join(graph)), ...opsets, ...metadata]);
}

function operation({ op, inputs, outputs, attributes = {}, domain = "" }: Operation): Uint8Array {
  return join([
    ...inputs.map((name) => field(1, name)),
    ...outputs.map((name) => field(2, name)),
    field(4, op),
    ...Object.entries(attributes).map(([name, value]) => field(5, attribute(name, value))),
    field(7, domain),
  ]);
}

function attribute(name: string, value: Attribute): Uint8Array {
  if (typeof value === "number") return join([field(1, name), field(3, value), field(20, 2)]);
  if (typeof value === "string") return join([field(1, name), field(4, value), field(20, 3)]);
  if (Array.isArray(value)) {
    return join([field(1, name), ...value.map((entry) => field(8, entry)), field(20, 7)]);
  }
  const bytes = new Uint8Array(Float32Array.of(value.float).buffer);
  return join([field(1, name), varint(2 * 8 + 5), bytes, field(20, 1)]);
}

function constant(name: string, { dims, values, external }: Constant): Uint8Array {
  const { type, raw } = rawData(values);
  return join([
    ...dims.map((size) => field(1, size)),
    field(2, type),
    field(8, name),
    ...(external
      ? [field(13, join([field(1, "location"), field(2, "weights.bin")])), field(14, 1)]
      : [field(9, new Uint8Array(raw.buffer, raw.byteOffset, raw.byteLength))]),
  ]);
}

function rawData(values: Constant["values"]): { type: number; raw: ArrayBufferView } {
  if (values instanceof Uint16Array) return { type: FLOAT16, raw: values };
  if (values instanceof Float32Array) return { type: FLOAT, raw: values };
  if (typeof values[0] === "bigint") {
    return { type: INT64, raw: new BigInt64Array(values as bigint[]) };
  }
  return { type: FLOAT, raw: Float32Array.from(values as number[]) };
}

function valueInfo(
  name: string,
  { type, shape }: { type: number; shape: (number | string)[] },
): Uint8Array {
  const dims = shape.map((size) => field(1, field(typeof size === "number" ? 1 : 2, size)));
  return join([field(1, name), field(2, field(1, join([field(1, type), field(2, join(dims))])))]);
}

function field(number: number, value: number | string | Uint8Array): Uint8Array<ArrayBuffer> {
  if (typeof value === "number") return join([varint(number * 8), varint(value)]);
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  return join([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return new Uint8Array([...bytes, Number(rest)]);
}

function join(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
