import { protobufFields } from "./protobuf_reader.ts";

/** An input or output of an ONNX graph. */
export interface OnnxValue {
  name: string;
  /** ONNX's element type: 1 float32, 6 int32, 7 int64; 0 when not given. */
  elementType: number;
  /** One entry an axis: its fixed size, or null when dynamic. */
  shape: (number | null)[];
}

/** One operation of an ONNX graph. */
export interface OnnxNode {
  operator: string;
  domain: string;
  inputs: string[];
  outputs: string[];
  /** Tensors among its attributes. */
  tensors: OnnxTensor[];
  /** Whether an attribute holds a graph or something else that isn't a plain value. */
  hasGraphs: boolean;
}

/** A constant of an ONNX graph, without its values. */
export interface OnnxTensor {
  name: string;
  /** ONNX's element type, see `OnnxValue`. */
  elementType: number;
  dims: bigint[];
  /** Length of `raw_data`, or null when the values are kept in another field. */
  rawBytes: number | null;
  /** Bytes of the whole message, so an upper bound of what it can hold. */
  messageBytes: number;
  /** Whether it is, or says that it is, in another file or in segments. */
  isElsewhere: boolean;
}

/** What Weft reads of an ONNX model itself; the values are onnxruntime's. */
export interface OnnxModel {
  metadata: [key: string, value: string][];
  nodes: OnnxNode[];
  initializers: OnnxTensor[];
  inputs: OnnxValue[];
  outputs: OnnxValue[];
  /** Whether it holds sparse tensors, functions of its own or training information. */
  hasExtras: boolean;
}

/** What no router comes near; it keeps a hostile file from filling the memory with empty entries. */
const MAX_ENTRIES = 8192;
const MAX_TEXT_BYTES = 16 * 1024 * 1024;

/**
 * Reads the outline of an ONNX ModelProto (field numbers: onnx.proto3).
 * @throws RangeError or TypeError when the bytes are no such message
 */
export function readOnnxModel(data: Uint8Array): OnnxModel {
  const model: OnnxModel = {
    metadata: [],
    nodes: [],
    initializers: [],
    inputs: [],
    outputs: [],
    hasExtras: false,
  };
  let graphs = 0;
  for (const { number, bytes } of protobufFields(data)) {
    if (!bytes) continue;
    if (number === 7) {
      if (++graphs > 1) throw new RangeError("more than one graph");
      readGraph(bytes, model);
    }
    if (number === 14) add(model.metadata, [textField(bytes, 1), textField(bytes, 2)]);
    if (number === 20 || number === 25) model.hasExtras = true;
  }
  if (graphs === 0) throw new RangeError("no graph");
  return model;
}

function readGraph(data: Uint8Array, model: OnnxModel): void {
  for (const { number, bytes } of protobufFields(data)) {
    if (!bytes) continue;
    if (number === 1) add(model.nodes, readNode(bytes));
    if (number === 5) add(model.initializers, readTensor(bytes));
    if (number === 11) add(model.inputs, readValue(bytes));
    if (number === 12) add(model.outputs, readValue(bytes));
    if (number === 15) model.hasExtras = true;
  }
}

function readNode(data: Uint8Array): OnnxNode {
  const node: OnnxNode = {
    operator: "",
    domain: "",
    inputs: [],
    outputs: [],
    tensors: [],
    hasGraphs: false,
  };
  for (const { number, bytes } of protobufFields(data)) {
    if (!bytes) continue;
    if (number === 1) add(node.inputs, text(bytes));
    if (number === 2) add(node.outputs, text(bytes));
    if (number === 4) node.operator = text(bytes);
    if (number === 5) readAttribute(bytes, node);
    if (number === 7) node.domain = text(bytes);
  }
  return node;
}

function readAttribute(data: Uint8Array, node: OnnxNode): void {
  for (const { number, bytes } of protobufFields(data)) {
    if (!bytes) continue;
    if (number === 5 || number === 10) add(node.tensors, readTensor(bytes));
    // 6 and 11 graphs, 14 and 15 types, 21 a reference, 22 and 23 sparse tensors
    if ([6, 11, 14, 15, 21, 22, 23].includes(number)) node.hasGraphs = true;
  }
}

function readTensor(data: Uint8Array): OnnxTensor {
  const tensor: OnnxTensor = {
    name: "",
    elementType: 0,
    dims: [],
    rawBytes: null,
    messageBytes: data.length,
    isElsewhere: false,
  };
  for (const { number, value, bytes } of protobufFields(data)) {
    if (number === 1) {
      for (const size of bytes ? packedVarints(bytes) : [value]) add(tensor.dims, size);
    }
    if (number === 2) tensor.elementType = Number(value);
    if (number === 8 && bytes) tensor.name = text(bytes);
    if (number === 9 && bytes) tensor.rawBytes = bytes.length;
    if (number === 3 || number === 13 || (number === 14 && value !== 0n)) tensor.isElsewhere = true;
  }
  return tensor;
}

function packedVarints(data: Uint8Array): bigint[] {
  const found: bigint[] = [];
  let value = 0n, shift = 0n;
  for (const byte of data) {
    value |= BigInt(byte & 127) << shift;
    shift += 7n;
    if (byte < 128) {
      found.push(BigInt.asUintN(64, value));
      value = shift = 0n;
    }
    if (shift > 63n || found.length > 64) throw new RangeError("a list of sizes is too long");
  }
  return found;
}

function readValue(data: Uint8Array): OnnxValue {
  const tensor = lastBytes(lastBytes(data, 2), 1);
  let elementType = 0;
  for (const { number, value } of protobufFields(tensor)) {
    if (number === 1) elementType = Number(value);
  }
  const shape: (number | null)[] = [];
  for (const { number, bytes } of protobufFields(lastBytes(tensor, 2))) {
    if (number !== 1 || !bytes) continue;
    let size: number | null = null;
    for (const dimension of protobufFields(bytes)) {
      if (dimension.number === 1) size = Number(dimension.value);
    }
    add(shape, size);
  }
  return { name: textField(data, 1), elementType, shape };
}

function add<T>(list: T[], entry: T): void {
  if (list.length >= MAX_ENTRIES) {
    throw new RangeError(`a list has more than ${MAX_ENTRIES} entries`);
  }
  list.push(entry);
}

function lastBytes(data: Uint8Array, wanted: number): Uint8Array {
  let found = new Uint8Array() as Uint8Array;
  for (const { number, bytes } of protobufFields(data)) {
    if (number === wanted && bytes) found = bytes;
  }
  return found;
}

function textField(data: Uint8Array, wanted: number): string {
  return text(lastBytes(data, wanted));
}

function text(data: Uint8Array): string {
  if (data.length > MAX_TEXT_BYTES) throw new RangeError(`a text has ${data.length} bytes`);
  return new TextDecoder("utf-8", { fatal: true }).decode(data);
}
