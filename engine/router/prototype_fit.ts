import { WeftError } from "../core/errors.ts";
import type { Prototype } from "../kernels/mod.ts";

export function fitPrototype(_: {
  examples: readonly Float32Array[];
  references: string;
  width: number;
  temperature: number;
}): { prototype: Prototype; won: number; taken: number } {
  throw new WeftError("not_implemented", "Cannot make a class from examples yet");
}
