/** Something that several series use: opened by the first that asks, closed once. */
export class Shared<T> {
  readonly #open: () => Promise<T>;
  readonly #close: (value: T) => Promise<void> | void;
  #value: Promise<T> | null = null;

  constructor(open: () => Promise<T>, close: (value: T) => Promise<void> | void) {
    this.#open = open;
    this.#close = close;
  }

  /** Rejects each time when opening failed. */
  get(): Promise<T> {
    return this.#value ??= this.#open();
  }

  /** Does nothing where it was never opened, or couldn't be. */
  async close(): Promise<void> {
    const value = this.#value;
    this.#value = null;
    const opened = await value?.then((value) => ({ value }), () => null);
    if (opened) await this.#close(opened.value);
  }
}
