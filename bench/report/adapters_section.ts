import { table } from "../eval/report/markdown.ts";
import type { ResultLine } from "../results_file.ts";
import { show } from "../run/print.ts";
import { summaryOf } from "../run/ratios.ts";
import { median } from "../statistics.ts";
import type { Device } from "./devices.ts";
import { Figures } from "./figures.ts";

/** Where an adapter is when it is asked for: names in series, and for people. */
export const LEVELS: readonly (readonly [name: string, what: string])[] = [
  ["base", "none: the base"],
  ["gpu", "on the GPU"],
  ["memory", "in memory"],
  ["disk", "on the disk"],
  ["origin", "at the origin"],
  ["far_origin", "at an origin 20 ms away"],
];

const CHANGES: readonly (readonly [name: string, what: string])[] = [
  ["swap/small", "swap, small"],
  ["swap/large", "swap, large"],
  ["upload/large", "upload of a large one"],
];

const OTHERS: readonly (readonly [name: string, what: string])[] = [
  ["fetch/plain", "64 MiB by plain `fetch`, to nowhere"],
  ["fetch/checked", "64 MiB of tensors by the guarded client: hashed, flushed to the disk"],
  ["fetch/adapters", "200 small adapters, four at once, checked, into memory and onto the disk"],
  ["names/registry", "2,000 names: registry opened, checked and read"],
  ["names/store", "2,000 names: world and store opened"],
  ["names/list", "2,000 names: `GET /v1/adapters`"],
  ["names/show", "2,000 names: `GET /v1/adapters/{name}`"],
];

/** First tokens by where the adapter is, changes beside streams, fetching and names. */
export function adaptersSection({ slug, lines }: Device): string {
  const cells = new Cells(lines);
  const tables = [firstTokens(cells), changes(cells), others(cells)].filter((one) => one !== null);
  const text = tables.length > 0 ? tables : ["Not measured: `deno task bench adapters` does."];
  return [`### ${slug}: adapters by URL`, ...text].join("\n\n");
}

function firstTokens(cells: Cells): string | null {
  const sizes = ["small", "large"];
  return cells.table(
    ["the adapter is", ...sizes.flatMap((size) => [`${size}, first token`, "fetch", "upload"])],
    LEVELS,
    (level) =>
      sizes.map((size) => `first_token/${size}/${level}`).flatMap((name) => [
        cells.spread(name),
        cells.middle(`${name}/fetch`),
        cells.middle(`${name}/upload`),
      ]),
  );
}

function changes(cells: Cells): string | null {
  return cells.table(
    ["beside 8 streams", "takes", "stall", "gaps, p50", "p99", "without it, p50", "p99"],
    CHANGES,
    (change) => [
      cells.spread(`${change}/takes`),
      cells.spread(`${change}/stall`),
      ...["gap_p50", "gap_p99", "quiet_gap_p50", "quiet_gap_p99"]
        .map((what) => cells.middle(`${change}/${what}`)),
    ],
  );
}

function others(cells: Cells): string | null {
  return cells.table(["what", "measured"], OTHERS, (name) => [cells.spread(name)]);
}

/** Figures as tables have them; "" where there are none. */
class Cells {
  readonly #figures: Figures;

  constructor(lines: readonly ResultLine[]) {
    this.#figures = new Figures(lines);
  }

  /** The median, with the least and the most where there are several. */
  spread(name: string): string {
    const { values, unit } = this.#figures.series(`adapters/${name}`);
    const summary = summaryOf(values);
    if (summary === null) return "";
    const { middle, least, most } = summary;
    const range = least === most ? "" : ` (${show(least, "")} to ${show(most, "")})`;
    return show(middle, unit) + range;
  }

  middle(name: string): string {
    const { values, unit } = this.#figures.series(`adapters/${name}`);
    return values.length === 0 ? "" : show(median(values), unit);
  }

  /** Rows that have a figure; null for none. */
  table(
    head: readonly string[],
    names: readonly (readonly [name: string, what: string])[],
    cellsOf: (name: string) => string[],
  ): string | null {
    const rows = names.map(([name, what]) => [what, ...cellsOf(name)])
      .filter(([, ...cells]) => cells.some((cell) => cell !== ""));
    return rows.length === 0 ? null : table(head, rows);
  }
}
