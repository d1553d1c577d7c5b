import {
  ADAPTER_LAYERS,
  ENGINE_LAYERS,
  OPEN_AREAS,
  OUTER_IMPORTS,
  WORKSHOP_AREAS,
} from "./layer_table.ts";

/** One import, both ends as paths from the repository's root with forward slashes. */
export interface ImportEdge {
  from: string;
  to: string;
}

/** Folders whose areas are what stands in them. */
const LAYERED = ["engine", "adapters"];

/** The area a file belongs to: `engine/gpu/device.ts` → `engine/gpu`, `main.ts` → `main`. */
export function areaOf(path: string): string {
  const [first, second] = path.split("/");
  const area = LAYERED.includes(first) && second !== undefined ? `${first}/${second}` : first;
  return area.replace(/\.ts$/, "");
}

/** Why an import breaks the layers, or null when it keeps them. */
export function whyForbidden({ from, to }: ImportEdge): string | null {
  const source = areaOf(from);
  const target = areaOf(to);
  if (source === target || WORKSHOP_AREAS.includes(source)) return null;
  if (WORKSHOP_AREAS.includes(target)) {
    return `${target}/ is for development; what is served can't depend on it`;
  }
  const allowed = allowedFrom(source);
  if (allowed === null) return unknownArea(source);
  if (!allowed.includes(target)) {
    if (allowedFrom(target) === null) return unknownArea(target);
    return `${source} may import ${allowed.length === 0 ? "nothing" : allowed.join(", ")}`;
  }
  const isFolder = to.startsWith(`${target}/`);
  if (isFolder && !OPEN_AREAS.includes(target) && to !== `${target}/mod.ts`) {
    return `outsiders import ${target}/ through ${target}/mod.ts`;
  }
  return null;
}

/** The areas that an area may import, or null for an area that the table doesn't have. */
function allowedFrom(area: string): readonly string[] | null {
  if (WORKSHOP_AREAS.includes(area)) return [];
  if (Object.hasOwn(OUTER_IMPORTS, area)) return OUTER_IMPORTS[area];
  // Both have engine/core at the bottom; from there nothing is below.
  const layers = [ENGINE_LAYERS, ADAPTER_LAYERS].find((layers) => layers.flat().includes(area));
  if (layers === undefined) return null;
  return layers.slice(layers.findIndex((layer) => layer.includes(area)) + 1).flat();
}

function unknownArea(area: string): string {
  return `"${area}" has no place in the layers; give it one in tools/ok/layer_table.ts`;
}
