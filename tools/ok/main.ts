/**
 * `deno task ok`: the one gate. Runs the stages in order, stops at the first that fails, and ends
 * with a summary. `--static` leaves the tests out (`deno task check`).
 */

interface Stage {
  name: string;
  /** Arguments for `deno`. */
  args: readonly string[];
  /** Always shows its output, not only when it fails. */
  verbose?: boolean;
}

const STATIC_STAGES: readonly Stage[] = [
  { name: "fmt", args: ["fmt", "--check"] },
  { name: "lint", args: ["lint"] },
  { name: "layers", args: ["task", "layers"] },
  // Without a path: every module of the checkout, so also the worker, tests, bench and tools.
  { name: "check", args: ["check", "--frozen"] },
];
const TEST_STAGE: Stage = { name: "test", args: ["task", "test"], verbose: true };

async function main(args: readonly string[]): Promise<number> {
  const [unknown] = args.filter((arg) => arg !== "--static");
  if (unknown !== undefined) {
    console.error(`Unknown argument "${unknown}"; only --static is known`);
    return 2;
  }
  const stages = args.includes("--static") ? STATIC_STAGES : [...STATIC_STAGES, TEST_STAGE];
  const summary: string[] = [];
  for (const stage of stages) {
    const start = performance.now();
    const success = await runStage(stage);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    summary.push(`${success ? "ok    " : "FAILED"}  ${stage.name.padEnd(6)}  ${seconds} s`);
    if (!success) break;
  }
  const skipped = stages.slice(summary.length).map(({ name }) => `-       ${name}`);
  console.log(["", ...summary, ...skipped].join("\n"));
  return summary.at(-1)?.startsWith("ok") ? 0 : 1;
}

/** Runs one stage; the output of a quiet one is shown only when it fails. */
async function runStage({ args, verbose }: Stage): Promise<boolean> {
  const stream = verbose ? "inherit" : "piped";
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    stdout: stream,
    stderr: stream,
  });
  if (verbose) return (await child.spawn().status).success;
  const { success, stdout, stderr } = await child.output();
  if (!success) {
    await Deno.stdout.write(stdout);
    await Deno.stderr.write(stderr);
  }
  return success;
}

Deno.exit(await main(Deno.args));
