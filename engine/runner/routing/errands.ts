/** Work that waits for a moment between two steps, when nothing is in flight. */
export class Errands {
  readonly #waiting: (() => Promise<void>)[] = [];
  readonly #wake: () => void;

  /** `wake` is called when there is something for `run`. */
  constructor(wake: () => void) {
    this.#wake = wake;
  }

  /** Settles as the work does, once its turn has come. */
  add<T>(work: () => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#waiting.push(async () => {
      try {
        resolve(await work());
      } catch (error) {
        reject(error);
      }
    });
    this.#wake();
    return promise;
  }

  /** Does what waits; false when nothing did. */
  async run(): Promise<boolean> {
    const errands = this.#waiting.splice(0);
    for (const errand of errands) await errand();
    return errands.length > 0;
  }
}
