import { protobufFields } from "./protobuf_reader.ts";

/** An input or output of an ONNX graph. */
export interface OnnxValue {
  name: string;
  /** ONNX's element type: 1 float32, 6 int32, 7 int64; 0 when not given. */
  elementType: number;
  /** One entry an axis: its fixed size, or null when dynamic. */
  shape: (number | null)[];
}

/** What Weft reads of an ONNX model itself; the rest is onnxruntime's. */
export interface OnnxModel {
  metadata: [key: string, value: string][];
  inputs: OnnxValue[];
  outputs: OnnxValue[];
  initializers: Set<string>;
  /** Operator domains other than ONNX's own. */
  foreignDomains: Set<string>;
  hasExternalData: boolean;
}

/**
 * Reads the outline of an ONNX ModelProto (field numbers: onnx.proto3).
 * @throws RangeError or TypeError when the bytes are no such message
 */
export function readOnnxModel(data: Uint8Array): OnnxModel {
  const model: OnnxModel = {
    metadata: [],
    inputs: [],
    outputs: [],
    initializers: new Set(),
    foreignDomains: new Set(),
    hasExternalData: false,
  };
  let graphs = 0;
  for (const { number, bytes } of protobufFields(data)) {
    if (!bytes) continue;
    if (number === 7) {
      if (++graphs > 1) throw new RangeError("more than one graph");
      readGraph(bytes, model);
    }
    if (number === 8) addDomain(textField(bytes, 1), model);
    if (number === 14) model.metadata.push([textField(bytes, 1), textField(bytes, 2)]);
  }
  if (graphs === 0) throw new RangeError("no graph");
  return model;
}

function readGraph(data: Uint8Array, model: OnnxModel): void {
  for (const { number, bytes } of protobufFields(data)) {
    if (!bytes) continue;
    if (number === 1) readNode(bytes, model);
    if (number === 5) {
      model.initializers.add(textField(bytes, 8));
      noteExternalData(bytes, model);
    }
    if (number === 11) model.inputs.push(readValue(bytes));
    if (number === 12) model.outputs.push(readValue(bytes));
    if (number === 15) throw new RangeError("sparse initializers are not taken");
  }
}

function readNode(data: Uint8Array, model: OnnxModel): void {
  addDomain(textField(data, 7), model);
  for (const { number, bytes } of protobufFields(data)) {
    if (number !== 5 || !bytes) continue;
    for (const attribute of protobufFields(bytes)) {
      if (!attribute.bytes) continue;
      if (attribute.number === 5 || attribute.number === 10) {
        noteExternalData(attribute.bytes, model);
      }
      if ([6, 11, 22, 23].includes(attribute.number)) {
        throw new RangeError("graphs within nodes and sparse tensors are not taken");
      }
    }
  }
}

function noteExternalData(tensor: Uint8Array, model: OnnxModel): void {
  for (const { number, value } of protobufFields(tensor)) {
    if (number === 13 || (number === 14 && value !== 0n)) model.hasExternalData = true;
  }
}

function addDomain(domain: string, model: OnnxModel): void {
  if (domain !== "" && domain !== "ai.onnx") model.foreignDomains.add(domain);
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
    shape.push(size);
  }
  return { name: textField(data, 1), elementType, shape };
}

function lastBytes(data: Uint8Array, wanted: number): Uint8Array {
  let found = new Uint8Array() as Uint8Array;
  for (const { number, bytes } of protobufFields(data)) {
    if (number === wanted && bytes) found = bytes;
  }
  return found;
}

function textField(data: Uint8Array, wanted: number): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(lastBytes(data, wanted));
}
