import type { Readback, Recorder } from "../gpu/mod.ts";

const ROUNDS = 3;
/** A measurement repeats its work until it takes so long, so that waiting for it matters little. */
const LEAST_MS = 4;
const MAX_REPEATS = 256;
/** Another choice than the first must gain this much: less is noise. */
const LEAST_GAIN = 0.03;

/** A way to do some work: records it for the i-th time. */
export type Candidate = (i: number) => void;

/** Times what a recorder records. */
export class Stopwatch {
  readonly #recorder: Recorder;
  readonly #readback: Readback;

  /** The readback has room for 16 bytes or more. */
  constructor(recorder: Recorder, readback: Readback) {
    this.#recorder = recorder;
    this.#readback = readback;
  }

  /**
   * Milliseconds of each candidate, all repeated equally often: the least of some rounds in turns, as what
   * disturbs only adds. `y` is what they write.
   */
  async leastOf<Name>(
    candidates: ReadonlyMap<Name, Candidate>,
    y: GPUBuffer,
  ): Promise<Map<Name, number>> {
    const [first] = candidates.values();
    const repeats = await this.#repeatsOf(first, y);
    const least = new Map<Name, number>();
    for (let round = 0; round <= ROUNDS; round++) {
      for (const [name, candidate] of candidates) {
        const ms = await this.#time(candidate, round === 0 ? 1 : repeats, y);
        // The first round compiles.
        if (round > 0) least.set(name, Math.min(ms, least.get(name) ?? Infinity));
      }
    }
    return least;
  }

  async #repeatsOf(candidate: Candidate, y: GPUBuffer): Promise<number> {
    await this.#time(candidate, 1, y);
    let repeats = 1;
    let ms = await this.#time(candidate, 1, y);
    while (ms < LEAST_MS && repeats < MAX_REPEATS) {
      repeats = Math.min(MAX_REPEATS, 2 * repeats);
      ms = await this.#time(candidate, repeats, y);
    }
    return repeats;
  }

  async #time(candidate: Candidate, repeats: number, y: GPUBuffer): Promise<number> {
    const start = performance.now();
    for (let i = 0; i < repeats; i++) candidate(i);
    await this.#readback.read(this.#recorder, [{ buffer: y, bytes: 16 }]);
    return performance.now() - start;
  }
}

/** What takes least; the first unless another is clearly better. */
export function best<Name>(times: ReadonlyMap<Name, number>): Name {
  const [[first, firstTime], ...others] = times;
  let [name, least] = [first, firstTime * (1 - LEAST_GAIN)];
  for (const [other, time] of others) if (time < least) [name, least] = [other, time];
  return name;
}
