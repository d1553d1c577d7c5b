const EVERY_MS = 2000;

/** Tells on stderr how far a part is, and how long the rest takes at the pace so far. */
export class Progress {
  readonly #what: string;
  readonly #total: number;
  readonly #write: (line: string) => void;
  readonly #start = performance.now();
  #done = 0;
  #lastMs = performance.now();

  constructor(
    what: string,
    { total, write = console.error }: { total: number; write?: (line: string) => void },
  ) {
    this.#what = what;
    this.#total = total;
    this.#write = write;
  }

  /** One more is done. */
  step(): void {
    this.#done++;
    const now = performance.now();
    if (now - this.#lastMs < EVERY_MS && this.#done < this.#total) return;
    this.#lastMs = now;
    const seconds = (now - this.#start) / 1000;
    const left = seconds / this.#done * (this.#total - this.#done);
    this.#write(
      `${this.#what}: ${this.#done} of ${this.#total}, ${
        Number((this.#done / seconds).toPrecision(2))
      }/s, ` +
        (this.#done < this.#total ? `${Math.ceil(left)} s left` : `${Math.ceil(seconds)} s`),
    );
  }
}
