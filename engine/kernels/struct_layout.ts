/** A WGSL struct of 4-byte scalars, as the host reads and writes it. */
export interface StructLayout {
  /** Bytes of one element of an array of it. */
  readonly bytes: number;
  /** Fields in memory order. */
  readonly fields: readonly StructField[];
}

export interface StructField {
  name: string;
  type: "u32" | "f32";
}

const FIELD = /(\w+)\s*:\s*(?:array<\s*(\w+)\s*,\s*(\d+)\s*>|(\w+))/g;

/**
 * Derived from the WGSL, so that the two sides cannot drift apart. An array of structs becomes
 * fields named `array_0_field`; 4-byte scalars need no padding anywhere.
 */
export function structLayout(wgsl: string, struct: string): StructLayout {
  const fields = fieldsOf(wgsl.replace(/\/\/.*$/gm, ""), struct);
  return { bytes: 4 * fields.length, fields };
}

/** The WGSL's `const PREFIX_NAME = 3u;` as `{ NAME: 3 }`. */
export function constantsOf(wgsl: string, prefix: string): Record<string, number> {
  const found = wgsl.matchAll(new RegExp(`^const ${prefix}_(\\w+) = (\\w+)u;`, "gm"));
  return Object.fromEntries([...found].map(([, name, value]) => [name, Number(value)]));
}

/** Throws when a field of the layout has no value. */
export function encodeStruct(
  layout: StructLayout,
  values: Readonly<Record<string, number>>,
): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(layout.bytes));
  layout.fields.forEach(({ name, type }, i) => {
    const value = values[name];
    if (value === undefined) throw new Error(`the struct field ${name} is missing`);
    if (type === "f32") view.setFloat32(4 * i, value, true);
    else view.setUint32(4 * i, value, true);
  });
  return new Uint8Array(view.buffer);
}

export function decodeStruct(layout: StructLayout, bytes: Uint8Array): Record<string, number> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Object.fromEntries(layout.fields.map(({ name, type }, i) => [
    name,
    type === "f32" ? view.getFloat32(4 * i, true) : view.getUint32(4 * i, true),
  ]));
}

function fieldsOf(code: string, struct: string): StructField[] {
  const body = code.match(new RegExp(`struct\\s+${struct}\\s*\\{([^}]*)\\}`))?.[1];
  if (body === undefined) throw new Error(`the WGSL has no struct ${struct}`);
  return [...body.matchAll(FIELD)].flatMap(([, name, element, count, type]) => {
    if (element) {
      const inner = fieldsOf(code, element);
      return Array.from(
        { length: Number(count) },
        (_, i) => inner.map((field) => ({ name: `${name}_${i}_${field.name}`, type: field.type })),
      ).flat();
    }
    if (type !== "u32" && type !== "f32") throw new Error(`${struct}.${name} has type ${type}`);
    return [{ name, type } as StructField];
  });
}
