import type { ParamField, ParamValues } from "./wgsl_interface.ts";

/** A kernel's `Params` with the values that never change already in place. */
export class ParamTemplate {
  readonly #bytes: Uint8Array;
  /** Fields that each dispatch gives, and where they stand. */
  readonly #changing: readonly (ParamField & { at: number })[];

  constructor(fields: readonly ParamField[], constants: ParamValues) {
    const view = new DataView(new ArrayBuffer(4 * fields.length));
    const changing = [];
    for (const [i, { name, type }] of fields.entries()) {
      const value = constants[name];
      if (value === undefined) changing.push({ name, type, at: 4 * i });
      else setScalar(view, { at: 4 * i, type, value });
    }
    this.#bytes = new Uint8Array(view.buffer);
    this.#changing = changing;
  }

  /** Bytes of all fields. */
  get size(): number {
    return this.#bytes.length;
  }

  /** Writes all fields from `start` on. Throws when a value is missing. */
  write(target: ParamTarget, start: number, values: ParamValues): void {
    target.bytes.set(this.#bytes, start);
    for (let i = 0; i < this.#changing.length; i++) {
      const { name, type, at } = this.#changing[i];
      const value = values[name];
      if (value === undefined) throw new Error(`the kernel parameter ${name} is missing`);
      setScalar(target.view, { at: start + at, type, value });
    }
  }
}

/** The same memory in two ways. */
export interface ParamTarget {
  bytes: Uint8Array;
  view: DataView;
}

function setScalar(
  view: DataView,
  { at, type, value }: { at: number; type: ParamField["type"]; value: number },
): void {
  if (type === "f32") view.setFloat32(at, value, true);
  else if (type === "u32") view.setUint32(at, value, true);
  else view.setInt32(at, value, true);
}
