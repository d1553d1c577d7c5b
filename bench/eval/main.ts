/** `deno task eval [run|score|report]`: measures routing through a real server; `--help` tells how. */
import { readFile, writeFile } from "node:fs/promises";
import { messageOf, WeftError } from "../../engine/core/errors.ts";
import { evaluate } from "./evaluate.ts";
import { formatFile } from "./format_file.ts";
import { type EvalOptions, HELP, parseOptions } from "./options.ts";
import { readResults, writeResults } from "./results_file.ts";
import { reportOf } from "./report/mod.ts";
import { fillMarkers } from "./report/markers.ts";
import { scoreSession } from "./score_session.ts";

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help")) {
    console.log(HELP);
    return 0;
  }
  try {
    await run(parseOptions(args));
    return 0;
  } catch (error) {
    if (!(error instanceof WeftError)) throw error;
    console.error(messageOf(error));
    return error.code === "invalid_request" ? 2 : 1;
  }
}

async function run(options: EvalOptions): Promise<void> {
  if (options.command === "report") return await report(options);
  const earlier = await readResults(options.results);
  const machine = options.command === "run" ? await evaluate(options) : earlier?.machine;
  await writeResults(options.results, await scoreSession(options, machine));
  console.error(`Wrote ${options.results}`);
}

async function report({ results: path, docs }: EvalOptions): Promise<void> {
  const results = await readResults(path);
  if (results === null) {
    throw new WeftError("not_found", `Cannot report "${path}": deno task eval writes it first`);
  }
  await writeFile(docs, fillMarkers(await readFile(docs, "utf8"), reportOf(results)));
  await formatFile(docs);
  console.error(`Wrote ${docs}`);
}

Deno.exit(await main(Deno.args));
