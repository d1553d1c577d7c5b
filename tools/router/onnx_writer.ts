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
  /** Of the graph; "router" unless given. */
  name?: string;
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

/** A message's bytes in order, not yet put together: weights are copied once, at the end. */
type Pieces = Uint8Array[];

/** The bytes of a ModelProto. */
export function onnxFile(model: ModelOutline): Uint8Array<ArrayBuffer> {
  const graph = [
    ...model.nodes.map((node) => field(1, operation(node))),
    field(2, model.name ?? "router"),
    ...Object.entries(model.constants).map(([name, value]) => field(5, constant(name, value))),
    ...Object.entries(model.inputs).map(([name, value]) => field(11, valueInfo(name, value))),
    ...Object.entries(model.outputs).map(([name, value]) => field(12, valueInfo(name, value))),
  ].flat();
  const opsets = Object.entries({ "": model.opset ?? 17, ...model.domains })
    .map(([domain, version]) => field(8, [...field(1, domain), ...field(2, version)]));
  const metadata = Object.entries(model.metadata)
    .map(([key, value]) => field(14, [...field(1, key), ...field(2, value)]));
  return join([field(1, 8), field(7, graph), ...opsets, ...metadata].flat());
}

function operation({ op, inputs, outputs, attributes = {}, domain = "" }: Operation): Pieces {
  return [
    ...inputs.map((name) => field(1, name)),
    ...outputs.map((name) => field(2, name)),
    field(4, op),
    ...Object.entries(attributes).map(([name, value]) => field(5, attribute(name, value))),
    field(7, domain),
  ].flat();
}

function attribute(name: string, value: Attribute): Pieces {
  const named = field(1, name);
  if (typeof value === "number") return [...named, ...field(3, value), ...field(20, 2)];
  if (typeof value === "string") return [...named, ...field(4, value), ...field(20, 3)];
  if (Array.isArray(value)) {
    return [...named, ...value.flatMap((entry) => field(8, entry)), ...field(20, 7)];
  }
  const bytes = new Uint8Array(Float32Array.of(value.float).buffer);
  return [...named, varint(2 * 8 + 5), bytes, ...field(20, 1)];
}

function constant(name: string, { dims, values, external }: Constant): Pieces {
  const { type, raw } = rawData(values);
  return [
    ...dims.map((size) => field(1, size)),
    field(2, type),
    field(8, name),
    ...(external
      ? [field(13, [...field(1, "location"), ...field(2, "weights.bin")]), field(14, 1)]
      : [field(9, [new Uint8Array(raw.buffer, raw.byteOffset, raw.byteLength)])]),
  ].flat();
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
): Pieces {
  const dims = shape.flatMap((size) => field(1, field(typeof size === "number" ? 1 : 2, size)));
  return [...field(1, name), ...field(2, field(1, [...field(1, type), ...field(2, dims)]))];
}

function field(number: number, value: number | string | Pieces): Pieces {
  if (typeof value === "number") return [varint(number * 8), varint(value)];
  const pieces = typeof value === "string" ? [new TextEncoder().encode(value)] : value;
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return [varint(number * 8 + 2), varint(length), ...pieces];
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return new Uint8Array([...bytes, Number(rest)]);
}

function join(pieces: Pieces): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
