import type { Rng } from "../tasks/rng.ts";
import { normal } from "./random.ts";
import { PER_TOKEN, type Pools } from "./pools.ts";

const [BETA1, BETA2, EPSILON] = [0.9, 0.999, 1e-8];
/** Of a token's vector at the beginning. */
const SPREAD = 0.3;

/**
 * The vectors of the tokens that occur in the training data, and their mean pools. Only what a batch
 * holds gets a gradient, so a large vocabulary costs nothing but its place in the file.
 */
export class Embedding {
  readonly width: number;
  readonly #pools: Pools;
  /** Token → row, for those that occur. */
  readonly #rows = new Map<number, number>();
  #values: Float32Array;
  readonly #gradient: Float32Array;
  readonly #first: Float32Array;
  readonly #second: Float32Array;
  readonly #steps: Uint32Array;
  readonly #touched = new Set<number>();

  constructor(
    texts: Iterable<Uint32Array>,
    { width, pools, rng }: { width: number; pools: Pools; rng: Rng },
  ) {
    this.width = width;
    this.#pools = pools;
    for (const tokens of texts) {
      for (const token of tokens) {
        if (!this.#rows.has(token)) this.#rows.set(token, this.#rows.size);
      }
    }
    const size = this.#rows.size * width;
    this.#values = Float32Array.from({ length: size }, () => SPREAD * normal(rng));
    this.#gradient = new Float32Array(size);
    this.#first = new Float32Array(size);
    this.#second = new Float32Array(size);
    this.#steps = new Uint32Array(this.#rows.size);
  }

  /** Floats per text that `pool` gives. */
  get pooledSize(): number {
    return this.#pools.count * this.width;
  }

  /** How many tokens have a vector. */
  get tokens(): number {
    return this.#rows.size;
  }

  /** The rows of a text's tokens; -1 for one without a vector, which counts as nothing but is there. */
  rowsOf(tokens: Uint32Array): Int32Array {
    return Int32Array.from(tokens, (token) => this.#rows.get(token) ?? -1);
  }

  /** Adds a text's pools to `out`, from `at` on, which must hold zeros. */
  pool(rows: Int32Array, out: Float32Array, at: number): void {
    const { width } = this;
    const values = this.#values;
    const { pools, weights } = this.#pools.table(rows.length);
    for (let i = 0; i < rows.length; i++) {
      if (rows[i] < 0) continue;
      const from = rows[i] * width;
      for (let k = i * PER_TOKEN; k < (i + 1) * PER_TOKEN; k++) {
        const [weight, to] = [weights[k], at + pools[k] * width];
        for (let j = 0; j < width; j++) out[to + j] += weight * values[from + j];
      }
    }
  }

  /** Adds what the gradient of a text's pools means for its tokens. */
  pull(rows: Int32Array, gradient: Float32Array, at: number): void {
    const { width } = this;
    const sums = this.#gradient;
    const { pools, weights } = this.#pools.table(rows.length);
    for (let i = 0; i < rows.length; i++) {
      if (rows[i] < 0) continue;
      this.#touched.add(rows[i]);
      const to = rows[i] * width;
      for (let k = i * PER_TOKEN; k < (i + 1) * PER_TOKEN; k++) {
        const [weight, from] = [weights[k], at + pools[k] * width];
        for (let j = 0; j < width; j++) sums[to + j] += weight * gradient[from + j];
      }
    }
  }

  /** One step of Adam for the tokens that were pulled at since the last. */
  step(rate: number): void {
    const { width } = this;
    for (const row of this.#touched) {
      const count = ++this.#steps[row];
      const [scale1, scale2] = [1 - BETA1 ** count, 1 - BETA2 ** count];
      for (let i = row * width; i < (row + 1) * width; i++) {
        const g = this.#gradient[i];
        this.#gradient[i] = 0;
        this.#first[i] = BETA1 * this.#first[i] + (1 - BETA1) * g;
        this.#second[i] = BETA2 * this.#second[i] + (1 - BETA2) * g * g;
        const size = Math.sqrt(this.#second[i] / scale2) + EPSILON;
        this.#values[i] -= rate * this.#first[i] / scale1 / size;
      }
    }
    this.#touched.clear();
  }

  snapshot(): Float32Array {
    return this.#values.slice();
  }

  restore(values: Float32Array): void {
    this.#values = values.slice();
  }

  /** f32 `[vocabSize, width]`; tokens that never occurred keep vectors drawn at random. */
  full(vocabSize: number, rng: Rng): Float32Array {
    const { width } = this;
    const table = new Float32Array(vocabSize * width);
    for (let token = 0; token < vocabSize; token++) {
      const row = this.#rows.get(token);
      for (let j = 0; j < width; j++) {
        const drawn = SPREAD * normal(rng);
        table[token * width + j] = row === undefined ? drawn : this.#values[row * width + j];
      }
    }
    return table;
  }
}
