import type { AdapterHeader, AdapterModule, AdapterWeights } from "./adapter_weights.ts";

/** Tensors of a part, in bytes of f32, unless a single module has more. */
const PART_BYTES = 4 * 2 ** 20;

/** A run of an adapter's modules on its way to the engine's thread. */
export interface AdapterPart {
  generation: string;
  /** Which of the header's modules is the first one here. */
  from: number;
  /** Comes with the first part. */
  header?: AdapterHeader;
  modules: readonly AdapterModule[];
}

/**
 * Copies the modules from number `from` on, as many as `maxBytes` allow and at least one, so that
 * no thread ever copies a whole adapter at once. The copies own their memory and may be transferred.
 *
 * @throws {RangeError} when the adapter has no module of that number.
 */
export function cutPart(
  weights: AdapterWeights,
  { from, maxBytes = PART_BYTES }: { from: number; maxBytes?: number },
): AdapterPart {
  const { generation, maxRank, modules } = weights;
  if (!(from >= 0 && from < modules.length)) {
    throw new RangeError(
      `Cannot cut adapter ${generation} at module ${from}: it has ${modules.length}`,
    );
  }
  let end = from;
  let bytes = 0;
  do bytes += moduleBytes(modules[end++]); while (
    end < modules.length && bytes + moduleBytes(modules[end]) <= maxBytes
  );
  const part = {
    generation,
    from,
    modules: modules.slice(from, end).map(({ a, b, ...shape }) => ({
      ...shape,
      a: a.slice(),
      b: b.slice(),
    })),
  };
  if (from > 0) return part;
  const shapes = modules.map(({ a: _, b: __, ...shape }) => shape);
  return { ...part, header: { maxRank, modules: shapes } };
}

/** Bytes of a module's tensors in f32. */
export function moduleBytes({ a, b }: AdapterModule): number {
  return a.byteLength + b.byteLength;
}
