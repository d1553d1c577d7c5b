/** Writes safetensors files for tests, right ones and wrong ones. */

export interface TensorInput {
  dtype: string;
  shape: readonly number[];
  data: Uint8Array;
}

/** A well-formed file of these tensors, in this order. */
export function buildSafetensors(
  tensors: Record<string, TensorInput>,
  { metadata }: { metadata?: Record<string, string> } = {},
): Uint8Array<ArrayBuffer> {
  let end = 0;
  const entries = Object.entries(tensors).map(([name, { dtype, shape, data }]) => {
    const begin = end;
    end += data.byteLength;
    return [name, { dtype, shape, data_offsets: [begin, end] }] as const;
  });
  const named = metadata ? [["__metadata__", metadata] as const, ...entries] : entries;
  const bytes = withHeader(JSON.stringify(Object.fromEntries(named)), { dataBytes: end });
  let offset = bytes.byteLength - end;
  for (const { data } of Object.values(tensors)) {
    bytes.set(data, offset);
    offset += data.byteLength;
  }
  return bytes;
}

/** A file with this header, right or wrong, and so many zero bytes of data. */
export function withHeader(
  header: string | Uint8Array,
  { claim, dataBytes = 0 }: { claim?: bigint; dataBytes?: number } = {},
): Uint8Array<ArrayBuffer> {
  const text = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + text.byteLength + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, claim ?? BigInt(text.byteLength), true);
  bytes.set(text, 8);
  return bytes;
}
