/** Tells on stderr which series is being measured and how long the rest takes at the pace so far. */
export class Progress {
  readonly #total: number;
  readonly #write: (line: string) => void;
  readonly #now: () => number;
  readonly #start: number;
  #done = 0;

  /** @param options.total Turns of all series, the uncounted included. */
  constructor(
    { total, write = console.error, now = () => performance.now() }: {
      total: number;
      write?: (line: string) => void;
      now?: () => number;
    },
  ) {
    this.#total = total;
    this.#write = write;
    this.#now = now;
    this.#start = now();
  }

  /** A turn begins. */
  turn(name: string, round: number): void {
    const seconds = (this.#now() - this.#start) / 1000;
    const left = this.#done === 0
      ? ""
      : `, about ${Math.ceil(seconds / this.#done * (this.#total - this.#done))} s left`;
    this.#done = Math.min(this.#done + 1, this.#total);
    const what = round === 0 ? "first, uncounted" : `round ${round}`;
    this.#write(`[${this.#done}/${this.#total}${left}] ${name}, ${what}`);
  }

  /** Turns that won't come after all. */
  skip(turns: number): void {
    this.#done = Math.min(this.#done + turns, this.#total);
  }
}
