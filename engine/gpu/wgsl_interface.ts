/** How a kernel uses one of its buffers. */
export interface Binding {
  name: string;
  index: number;
  access: "read" | "read_write";
}

/** One scalar of a kernel's `Params` struct. */
export interface ParamField {
  name: string;
  type: "u32" | "i32" | "f32";
}

/** Values of a kernel's `Params`, by field name. */
export type ParamValues = Readonly<Record<string, number>>;

/** What the host must supply to run a kernel. */
export interface WgslInterface {
  bindings: Binding[];
  /** In memory order; each takes 4 bytes. */
  params: ParamField[];
}

const STORAGE = /@group\(0\)\s*@binding\((\d+)\)\s*var<storage,\s*(read_write|read)>\s*(\w+)\s*:/g;
const STRUCT = /struct\s+Params\s*\{([^}]*)\}/;
const FIELD = /(\w+)\s*:\s*(\w+)/g;

/**
 * Reads a kernel's interface from its WGSL, so that the host's side is derived rather than kept in
 * step by hand. The convention: storage buffers are in group 0; `Params` is a struct of 4-byte
 * scalars, bound as the uniform at binding 0.
 */
export function readInterface(wgsl: string): WgslInterface {
  const code = wgsl.replace(/\/\/.*$/gm, "");
  const bindings = [...code.matchAll(STORAGE)].map(([, index, access, name]) => ({
    name,
    index: Number(index),
    access: access as Binding["access"],
  }));
  const params = [...(code.match(STRUCT)?.[1] ?? "").matchAll(FIELD)].map(([, name, type]) => {
    if (type !== "u32" && type !== "i32" && type !== "f32") {
      throw new Error(`Params.${name} has type ${type}; only u32, i32 and f32 are laid out`);
    }
    return { name, type: type as ParamField["type"] };
  });
  return { bindings, params };
}
