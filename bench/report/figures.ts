import type { ResultLine } from "../results_file.ts";
import { pairedRatios } from "../run/ratios.ts";

/** The figures of one device, by name. */
export class Figures {
  readonly #lines: ReadonlyMap<string, ResultLine>;

  constructor(lines: readonly ResultLine[]) {
    this.#lines = new Map(lines.map((line) => [line.name, line]));
  }

  /** One value a round; none where it wasn't measured. */
  series(name: string): { values: readonly number[]; unit: string } {
    return this.#lines.get(name) ?? { values: [], unit: "" };
  }

  /** Of one series, one a round; none where it wasn't measured. */
  values(name: string): readonly number[] {
    return this.series(name).values;
  }

  /** Of the same rounds. */
  ratios(over: string, under: string): number[] {
    return pairedRatios(this.values(over), this.values(under));
  }

  /** Why a series has no figures; null where nobody said. */
  whyNot(name: string): string | null {
    return this.#lines.get(name)?.skipped ?? null;
  }

  /** What stands between a beginning and an end, each once: models, clients, kernels. */
  between(start: string, end: string): string[] {
    const names = [...this.#lines.values()].filter(({ values }) => values.length > 0)
      .map(({ name }) => name)
      .filter((name) => name.startsWith(start) && name.endsWith(end))
      .map((name) => name.slice(start.length, name.length - end.length))
      .filter((between) => between !== "");
    return [...new Set(names)];
  }

  /** Null where there are no lines. */
  get isSoftware(): boolean | null {
    return [...this.#lines.values()].at(0)?.isSoftware ?? null;
  }
}
