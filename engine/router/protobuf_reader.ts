/** One field of a protobuf message: its number and either a varint or its bytes. */
export interface ProtobufField {
  number: number;
  /** The value of a varint field (wire type 0); 0 for any other. */
  value: bigint;
  /** The payload of a length-delimited field (wire type 2), a view; null for any other. */
  bytes: Uint8Array | null;
}

/**
 * Walks the fields of one protobuf message without copying. Every length is checked against the
 * bytes that are there, so the walk ends for any input.
 * @throws RangeError when the bytes are no protobuf message
 */
export function* protobufFields(data: Uint8Array): Generator<ProtobufField> {
  const cursor = { at: 0 };
  while (cursor.at < data.length) {
    const tag = readVarint(data, cursor);
    const number = Number(tag >> 3n);
    if (number < 1 || number > 0x1fffffff) throw new RangeError(`field number ${number}`);
    const wire = Number(tag & 7n);
    if (wire === 0) {
      yield { number, value: readVarint(data, cursor), bytes: null };
      continue;
    }
    const length = payloadLength(wire, () => readVarint(data, cursor));
    if (length > BigInt(data.length - cursor.at)) {
      throw new RangeError(`field ${number} has ${length} bytes, past the end`);
    }
    const end = cursor.at + Number(length);
    const bytes = wire === 2 ? data.subarray(cursor.at, end) : null;
    cursor.at = end;
    yield { number, value: 0n, bytes };
  }
}

function payloadLength(wire: number, varint: () => bigint): bigint {
  if (wire === 1) return 8n;
  if (wire === 2) return varint();
  if (wire === 5) return 4n;
  throw new RangeError(`wire type ${wire}`);
}

function readVarint(data: Uint8Array, cursor: { at: number }): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    if (cursor.at >= data.length) throw new RangeError("a number is cut off");
    const byte = data[cursor.at++];
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) return value;
  }
  throw new RangeError("a number is longer than 10 bytes");
}
