import { countOf, parseFlags, refuse } from "./flags.ts";

/**
 * What can be measured as series, in the order in which it is: the engines of the others use what the first
 * finds, and a quick run may not come to the last.
 */
export const GROUPS = [
  "tune",
  "limits",
  "start",
  "router",
  "peers",
  "kernels",
  "demo",
  "lora",
  "context",
  "shapes",
  "quantized",
  "resident",
  "http",
  "adapters",
] as const;
/** The last only prints a table of its own. */
export const PARTS = [...GROUPS, "platform"] as const;
export type Part = typeof PARTS[number];

export interface BenchOptions {
  command: "run" | "report";
  parts: readonly Part[];
  /** Whether parts or series were chosen: what others measured before is kept. */
  isPartial: boolean;
  isQuick: boolean;
  /** Beginnings of full names; empty: all series. */
  only: readonly string[];
  rounds: number;
  /** Seconds for the counted rounds of one series. */
  budgetSeconds: number;
  /** Names of shapes; null: what suits the device. */
  shapes: readonly string[] | null;
  /** Null: by date and device. */
  results: string | null;
  docs: string;
}

export const HELP = `deno task bench [part…] [flags]
deno task bench report [flags]

Measures the parts named, or all, keeps the figures and prints them beside the targets.
${GROUPS.join(", ")}: series, kept as JSON lines
tune: first, and its findings (.weft/bench/tuning.json) are what the others' engines use; where nothing
  is named, only on a GPU and without --quick
platform: a table, only printed
report: writes tables and plots of docs/BENCHMARKS.md from the results of all devices

--quick           one round of what is quick, of each part: under 3 minutes
--only NAME       only series whose name begins so, repeatable (lora/demo/one)
--rounds COUNT    rounds of each series (5; quick 1)
--budget SECONDS  for the rounds of one series, by its first one (60; quick 8)
--shapes NAMES    with commas: Qwen2-0.5B, Qwen2-1.5B, Llama-3-8B (the first on a software driver; quick: a small one)
--results FILE    bench/results/<date>-<adapter>.jsonl; quick: .weft/bench/<date>-<adapter>.jsonl
--docs FILE       docs/BENCHMARKS.md`;

/** @throws {WeftError} `invalid_request` for whatever makes no sense. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parse(args);
  const isReport = positionals[0] === "report";
  if (isReport && positionals.length > 1) refuse(`run "${positionals.join(" ")}"`, "report alone");
  const named = isReport ? [] : positionals.map(part);
  const only = values.only ?? [];
  for (const name of only) {
    const group = name.split("/")[0];
    if (!GROUPS.some((known) => known === group)) {
      refuse(`use --only "${name}"`, `names begin with ${GROUPS.join(", ")}`);
    }
  }
  const isQuick = values.quick;
  return {
    command: isReport ? "report" : "run",
    parts: chosen(named, { only, isQuick }),
    isPartial: named.length > 0 || only.length > 0,
    isQuick,
    only,
    rounds: countOf("rounds", values.rounds ?? (isQuick ? "1" : "5")),
    budgetSeconds: countOf("budget", values.budget ?? (isQuick ? "8" : "60")),
    shapes: values.shapes?.split(",") ?? null,
    results: values.results ?? null,
    docs: values.docs,
  };
}

function chosen(
  named: readonly Part[],
  { only, isQuick }: { only: readonly string[]; isQuick: boolean },
): Part[] {
  if (named.length > 0) return PARTS.filter((name) => named.includes(name));
  if (only.length > 0) {
    return PARTS.filter((part) => only.some((name) => name.split("/")[0] === part));
  }
  return isQuick ? [...GROUPS] : [...PARTS];
}

function part(given: string): Part {
  return PARTS.find((name) => name === given) ??
    refuse(`measure "${given}"`, `there is ${PARTS.join(", ")}, or report`);
}

function parse(args: readonly string[]) {
  return parseFlags({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string", multiple: true },
      rounds: { type: "string" },
      budget: { type: "string" },
      shapes: { type: "string" },
      results: { type: "string" },
      docs: { type: "string", default: "docs/BENCHMARKS.md" },
    },
  });
}
