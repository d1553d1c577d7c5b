/**
 * Where in a text a token stands, as a few overlapping means over the text: pool j of a side has
 * weight `max(0, 1 - |log2(place) - j|)`, `place` counting from 1 at that side. One side is the
 * text's end, the other its beginning. A plain mean could not tell which of two tasks comes first.
 */

/** Pools of one side for texts of up to `maxTokens`. */
export function poolsPerSide(maxTokens: number): number {
  return Math.ceil(Math.log2(maxTokens)) + 1;
}

/** The pools that each token of a text of one length goes to; never more than `PER_TOKEN`. */
export interface PoolTable {
  /** `[length, PER_TOKEN]` */
  pools: Uint8Array;
  /** `[length, PER_TOKEN]`, of each pool with a sum of 1, or of less if it hardly reaches the text. */
  weights: Float32Array;
}

export const PER_TOKEN = 4;

export class Pools {
  /** Of both sides. */
  readonly count: number;
  readonly #tables = new Map<number, PoolTable>();

  constructor(maxTokens: number) {
    this.count = 2 * poolsPerSide(maxTokens);
  }

  table(length: number): PoolTable {
    let table = this.#tables.get(length);
    if (!table) {
      table = poolTable(length, this.count / 2);
      this.#tables.set(length, table);
    }
    return table;
  }
}

function poolTable(length: number, perSide: number): PoolTable {
  const pools = new Uint8Array(length * PER_TOKEN);
  const weights = new Float32Array(length * PER_TOKEN);
  const sums = new Float64Array(2 * perSide);
  for (let at = 0; at < length; at++) {
    [length - at, at + 1].forEach((place, side) => {
      const low = Math.floor(Math.log2(place));
      const high = Math.log2(place) - low;
      [1 - high, high].forEach((weight, step) => {
        const slot = at * PER_TOKEN + 2 * side + step;
        pools[slot] = side * perSide + Math.min(low + step, perSide - 1);
        weights[slot] = weight;
        sums[pools[slot]] += weight;
      });
    });
  }
  for (let i = 0; i < weights.length; i++) weights[i] /= Math.max(sums[pools[i]], 1);
  return { pools, weights };
}
