import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { formatFile } from "../eval/format_file.ts";
import { fillMarkers } from "../eval/report/markers.ts";
import type { BenchOptions } from "../options.ts";
import { readDevices } from "./devices.ts";
import { plotsOf } from "./plots.ts";
import { sectionsOf } from "./sections.ts";

/** Where results that are kept lie. */
const RESULTS = "bench/results";

/** Writes the generated parts of docs/BENCHMARKS.md and the plots beside it. */
export async function report(
  { results, docs }: Pick<BenchOptions, "results" | "docs">,
): Promise<void> {
  const devices = await readDevices({ folder: RESULTS, file: results });
  const plots = devices.flatMap(plotsOf);
  const folder = join(dirname(docs), "bench");
  await mkdir(folder, { recursive: true });
  for (const { file, svg } of plots) await writeFile(join(folder, file), svg);
  const sections = {
    ...sectionsOf(devices),
    plots: plots.map(({ file, text }) => `![${text}](bench/${file})`).join("\n\n") ||
      "No results yet.",
  };
  await writeFile(docs, fillMarkers(await readFile(docs, "utf8"), sections, "bench"));
  await formatFile(docs);
  console.error(`Wrote ${docs}` + (plots.length > 0 ? ` and ${plots.length} plots` : ""));
}
