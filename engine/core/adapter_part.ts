import type { AdapterHeader, AdapterModule, AdapterWeights } from "./adapter_weights.ts";

/** Tensors of a part, in bytes of f32, unless a single module has more. */
const PART_BYTES = 4 * 2 ** 20;

/** Asks for the part of an adapter that starts with this module. */
export interface PartQuestion {
  generation: string;
  /** An index into the header's modules: 0, or one of the first part's `starts`. */
  from: number;
}

/** A run of an adapter's modules on its way to the engine's thread. */
export interface AdapterPart extends PartQuestion {
  modules: readonly AdapterModule[];
  /** What the first part says of the whole: its header, and with which modules its parts start. */
  whole?: { header: AdapterHeader; starts: readonly number[] };
}

/**
 * Copies the part that starts with module `from`: as many modules as `maxBytes` allow and at least
 * one, so that no thread ever copies a whole adapter at once. The copies own their memory and may be
 * transferred.
 *
 * @throws {RangeError} when no part starts there.
 */
export function cutPart(
  weights: AdapterWeights,
  { from, maxBytes = PART_BYTES }: { from: number; maxBytes?: number },
): AdapterPart {
  const { generation, maxRank, modules } = weights;
  const starts = partStarts(modules, maxBytes);
  const index = starts.indexOf(from);
  if (index < 0) {
    throw new RangeError(
      `Cannot cut adapter ${generation} at module ${from}: its parts start at ${starts.join(", ")}`,
    );
  }
  const part = {
    generation,
    from,
    modules: modules.slice(from, starts[index + 1]).map(({ a, b, ...shape }) => ({
      ...shape,
      a: a.slice(),
      b: b.slice(),
    })),
  };
  if (from > 0) return part;
  const shapes = modules.map(({ a: _, b: __, ...shape }) => shape);
  return { ...part, whole: { header: { maxRank, modules: shapes }, starts } };
}

/** Bytes of a module's tensors in f32. */
export function moduleBytes({ a, b }: AdapterModule): number {
  return a.byteLength + b.byteLength;
}

function partStarts(modules: readonly AdapterModule[], maxBytes: number): number[] {
  const starts: number[] = [];
  let bytes = Infinity;
  for (const [index, module] of modules.entries()) {
    bytes += moduleBytes(module);
    if (bytes <= maxBytes) continue;
    starts.push(index);
    bytes = moduleBytes(module);
  }
  return starts;
}
