import { countOf, parseFlags, refuse } from "../flags.ts";
import { methodNames } from "./method_names.ts";

export const COMMANDS = ["run", "score", "report"] as const;
/** What `--only` takes, in the order in which they run. */
export const PARTS = ["router", "tasks", "composite", "sweep", "timing"] as const;
export type Part = typeof PARTS[number];

export interface EvalOptions {
  command: typeof COMMANDS[number];
  parts: readonly Part[];
  /** Router files; none: the router that the server brings. */
  routers: readonly string[];
  /** Of each task's file, the first so many. */
  samples: number;
  /** The same for composites. */
  compositeSamples: number;
  /** The same for the sweep. */
  sweepSamples: number;
  /** Null: all. */
  methods: readonly string[] | null;
  tasks: readonly string[] | null;
  /** Forget what an earlier run has asked. */
  isFresh: boolean;
  /** Raw answers. */
  directory: string;
  results: string;
  docs: string;
  /** A server that runs already; null: one is started. */
  url: string | null;
  inFlight: number;
  /** Of the timing. */
  rounds: number;
  adapters: readonly number[];
}

export const HELP = `deno task eval [run|score|report] [flags]

run     ask, score and write the results (what an earlier run asked is kept)
score   score again what was asked
report  write the tables of docs/EVALUATION.md from the results

--router FILE       a router to evaluate, several times for several (the server's own)
--samples COUNT     of each task's file the first so many (30)
--composite-samples COUNT  the same for composites (90)
--sweep-samples COUNT  the same for the sweep over p (10)
--methods NAMES     only these, with commas: ${
  methodNames().filter((n) => !n.includes("@")).join(", ")
}
--tasks NAMES       only these sample files
--only PART         ${PARTS.join(", ")}; repeatable
--fresh             start over
--in-flight COUNT   requests at once (32)
--rounds COUNT      of the timing (5)
--adapters COUNTS   registered adapters in the timing (1,3,26,50,100)
--url URL           a server that runs already, not for timing (one is started)
--dir DIRECTORY     raw answers (.weft/eval)
--results FILE      bench/results/eval/demo.json
--docs FILE         docs/EVALUATION.md`;

/** @throws {WeftError} `invalid_request` for whatever makes no sense. */
export function parseOptions(args: readonly string[]): EvalOptions {
  const { values, positionals } = parse(args);
  if (positionals.length > 1) refuse(`run "${positionals.join(" ")}"`, "one command at a time");
  return {
    command: oneOf(COMMANDS, positionals[0] ?? "run", "command"),
    parts: values.only === undefined
      ? PARTS
      : PARTS.filter((part) =>
        values.only!.map((name) => oneOf(PARTS, name, "--only")).includes(part)
      ),
    routers: values.router ?? [],
    samples: countOf("samples", values.samples),
    compositeSamples: countOf("composite-samples", values["composite-samples"]),
    sweepSamples: countOf("sweep-samples", values["sweep-samples"]),
    methods: values.methods === undefined
      ? null
      : values.methods.split(",").map((name) => oneOf(methodNames(), name, "--methods")),
    tasks: values.tasks?.split(",") ?? null,
    isFresh: values.fresh,
    directory: values.dir,
    results: values.results,
    docs: values.docs,
    url: values.url ?? null,
    inFlight: countOf("in-flight", values["in-flight"]),
    rounds: countOf("rounds", values.rounds),
    adapters: values.adapters.split(",").map((text) => countOf("adapters", text)),
  };
}

function parse(args: readonly string[]) {
  return parseFlags({
    args: [...args],
    allowPositionals: true,
    options: {
      router: { type: "string", multiple: true },
      only: { type: "string", multiple: true },
      samples: { type: "string", default: "30" },
      "composite-samples": { type: "string", default: "90" },
      "sweep-samples": { type: "string", default: "10" },
      methods: { type: "string" },
      tasks: { type: "string" },
      fresh: { type: "boolean", default: false },
      "in-flight": { type: "string", default: "32" },
      rounds: { type: "string", default: "5" },
      adapters: { type: "string", default: "1,3,26,50,100" },
      url: { type: "string" },
      dir: { type: "string", default: ".weft/eval" },
      results: { type: "string", default: "bench/results/eval/demo.json" },
      docs: { type: "string", default: "docs/EVALUATION.md" },
    },
  });
}

function oneOf<Name extends string>(names: readonly Name[], given: string, what: string): Name {
  const found = names.find((name) => name === given);
  return found ?? refuse(`use ${what} "${given}"`, `there is ${names.join(", ")}`);
}
