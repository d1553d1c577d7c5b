import { number, table } from "../eval/report/markdown.ts";
import { show } from "../run/print.ts";
import { summaryOf } from "../run/ratios.ts";
import { adaptersSection } from "./adapters_section.ts";
import { barsOf } from "./bars.ts";
import { barTable } from "./bars_section.ts";
import type { Device } from "./devices.ts";
import { Figures } from "./figures.ts";

const NOTHING =
  "No results yet: `deno task bench` writes them, `deno task bench report` fills this in.";

/** The sections of docs/BENCHMARKS.md by the name in their markers. */
export function sectionsOf(devices: readonly Device[]): Record<string, string> {
  const sections = { run, targets, series, kernels, adapters: adaptersSection };
  return Object.fromEntries(
    Object.entries(sections).map(([name, section]) => [
      name,
      devices.length === 0 ? NOTHING : devices.map(section).join("\n\n"),
    ]),
  );
}

function run({ slug, lines }: Device): string {
  const unique = (values: readonly string[]) => [...new Set(values)].join(", ");
  const { adapter, driver, deno, os, cores } = lines[0];
  return `**${slug}**: ${adapter}, driver ${driver}, Deno ${deno}, ${os}, ${cores} cores; ` +
    `${unique(lines.map(({ date }) => date.slice(0, 10)))}, commit ` +
    `${unique(lines.map(({ commit }) => commit))}.`;
}

function targets({ slug, lines }: Device): string {
  return `### ${slug}: targets\n\n${barTable(barsOf(lines))}`;
}

/** All but what has a section of its own, where it was measured. */
function series({ slug, lines }: Device): string {
  const shown = lines.filter(({ name, values }) =>
    !name.startsWith("kernels/") && !(name.startsWith("adapters/") && values.length > 0)
  );
  const rows = shown.filter(({ values }) => values.length > 0).map(({ name, unit, values }) => {
    const { middle, least, most } = summaryOf(values)!;
    return [name, show(middle, unit), show(least, unit), show(most, unit), String(values.length)];
  });
  const left = shown.filter(({ skipped }) => skipped !== undefined)
    .map(({ name, skipped }) => `- ${name}: ${skipped}`);
  return [
    `### ${slug}: series`,
    table(["series", "median", "least", "most", "rounds"], rows),
    ...(left.length > 0 ? ["Not measured:", left.join("\n")] : []),
  ].join("\n\n");
}

function kernels({ slug, lines }: Device): string {
  const figures = new Figures(lines);
  const steps = [
    ...new Set(
      lines.filter(({ name, values }) => name.endsWith("/us") && values.length > 0)
        .map(({ name }) => name.split("/").slice(0, -2).join("/")),
    ),
  ];
  return steps.map((step) => {
    const rows = figures.between(`${step}/`, "/us").map((kernel) => {
      const us = summaryOf(figures.values(`${step}/${kernel}/us`))!;
      const share = summaryOf(figures.values(`${step}/${kernel}/of_limit`));
      return [kernel, number(us.middle, 1), share ? `${(100 * share.middle).toFixed(1)} %` : "–"];
    });
    const title = step.split("/").slice(1).join(", ");
    return `### ${slug}: kernels of ${title}\n\n` +
      table(["kernel", "µs", "of the limit"], rows);
  }).join("\n\n");
}
