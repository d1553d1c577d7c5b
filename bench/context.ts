import { WeftError } from "../engine/core/errors.ts";
import type { BenchOptions } from "./options.ts";
import { type Shape, shapes, SMALL_SHAPE } from "./shapes/shapes.ts";

/** What a group's series depend on. */
export interface BenchContext {
  /** A software driver: small models, few rows. */
  isSoftware: boolean;
  isQuick: boolean;
  /** Parts or series were chosen by name: none of them is left out. */
  isPartial: boolean;
  shapes: readonly Shape[];
}

/** @throws {WeftError} `invalid_request` for a shape that isn't there. */
export function contextOf(
  { isQuick, isPartial, shapes: names }: Pick<BenchOptions, "isQuick" | "isPartial" | "shapes">,
  { isSoftware }: { isSoftware: boolean },
): BenchContext {
  const all = shapes(isSoftware ? { layers: 4 } : {});
  const chosen = names?.map((name) => shapeNamed(all, name)) ??
    (isSoftware ? [isQuick ? SMALL_SHAPE : all[0]] : all);
  return { isSoftware, isQuick, isPartial, shapes: chosen };
}

function shapeNamed(all: readonly Shape[], name: string): Shape {
  const shape = all.find((shape) => shape.name.split(",")[0] === name);
  if (shape) return shape;
  throw new WeftError(
    "invalid_request",
    `Cannot use --shapes "${name}": there is ${all.map((s) => s.name.split(",")[0]).join(", ")}`,
  );
}
