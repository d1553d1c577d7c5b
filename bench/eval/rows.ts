import { appendFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/** JSON lines on the disk, each under a key: what a run that was broken off has done already. */
export class RowFile<Row> {
  readonly #path: string;
  readonly #keyOf: (row: Row) => string;
  readonly #rows: Map<string, Row>;
  #written = Promise.resolve();

  private constructor(path: string, keyOf: (row: Row) => string, rows: Map<string, Row>) {
    this.#path = path;
    this.#keyOf = keyOf;
    this.#rows = rows;
  }

  /** Reads what is there. A last line that was cut off in writing is dropped, from the file too. */
  static async open<Row>(path: string, keyOf: (row: Row) => string): Promise<RowFile<Row>> {
    await mkdir(dirname(path), { recursive: true });
    const text = await readFile(path, "utf8").catch((error) => {
      if (error.code !== "ENOENT") throw error;
      return "";
    });
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    if (whole.length < text.length) await writeFile(path, whole);
    const rows = whole.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
    return new RowFile(path, keyOf, new Map(rows.map((row: Row) => [keyOf(row), row])));
  }

  has(key: string): boolean {
    return this.#rows.has(key);
  }

  rows(): Row[] {
    return [...this.#rows.values()];
  }

  /** Writes one row; those of many callers come one after the other. */
  append(row: Row): Promise<void> {
    this.#rows.set(this.#keyOf(row), row);
    this.#written = this.#written.then(() => appendFile(this.#path, JSON.stringify(row) + "\n"));
    return this.#written;
  }

  /** Forgets everything. */
  async clear(): Promise<void> {
    await this.#written;
    await rm(this.#path, { force: true });
    this.#rows.clear();
  }
}
