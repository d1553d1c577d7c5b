import rowsWgsl from "./rows.wgsl" with { type: "text" };

/** A WGSL struct of 4-byte scalars, as the host reads and writes it. */
export interface RowLayout {
  /** Bytes of one element of an array of it. */
  readonly bytes: number;
  /** Fields in memory order. */
  readonly fields: readonly { name: string; type: "u32" | "f32" }[];
}

export const ROW_STATE: RowLayout = layoutOf("RowState");
export const ROW_PARAMS: RowLayout = layoutOf("RowParams");

/** Throws when a field of the layout has no value. */
export function encodeRow(
  layout: RowLayout,
  values: Readonly<Record<string, number>>,
): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(layout.bytes));
  layout.fields.forEach(({ name, type }, i) => {
    const value = values[name];
    if (value === undefined) throw new Error(`the row field ${name} is missing`);
    if (type === "f32") view.setFloat32(4 * i, value, true);
    else view.setUint32(4 * i, value, true);
  });
  return new Uint8Array(view.buffer);
}

export function decodeRow(layout: RowLayout, bytes: Uint8Array): Record<string, number> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Object.fromEntries(layout.fields.map(({ name, type }, i) => [
    name,
    type === "f32" ? view.getFloat32(4 * i, true) : view.getUint32(4 * i, true),
  ]));
}

/** Derived from the WGSL, so that the two sides cannot drift apart. */
function layoutOf(struct: string): RowLayout {
  const code = rowsWgsl.replace(/\/\/.*$/gm, "");
  const body = code.match(new RegExp(`struct\\s+${struct}\\s*\\{([^}]*)\\}`))?.[1];
  if (body === undefined) throw new Error(`rows.wgsl has no struct ${struct}`);
  const fields = [...body.matchAll(/(\w+)\s*:\s*(\w+)/g)].map(([, name, type]) => {
    if (type !== "u32" && type !== "f32") throw new Error(`${struct}.${name} has type ${type}`);
    return { name, type: type as "u32" | "f32" };
  });
  return { bytes: 4 * fields.length, fields };
}
