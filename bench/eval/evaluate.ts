import { WeftError } from "../../engine/core/errors.ts";
import { Client } from "./client.ts";
import type { EvalOptions } from "./options.ts";
import type { Results } from "./results.ts";
import { collect } from "./run.ts";
import { COMPOSITE_FILES, readSamples, type Sample, taskNames } from "./samples.ts";
import { describeServer, EvalServer, routerFlags } from "./server.ts";
import { openSession } from "./session.ts";
import { collectTiming, TimedPrompts } from "./timing/mod.ts";

export const SAMPLES_FOLDER = "models/demo/eval";
/** The demo's 26 tasks and the joint adapter, all resident. */
const PLACES = "32";

/** Asks everything that is asked for and not there yet; says where. */
export async function evaluate(options: EvalOptions): Promise<Results["machine"]> {
  if (options.url !== null && options.parts.includes("timing")) {
    throw new WeftError(
      "invalid_request",
      `Cannot take times at "${options.url}": that needs servers with other adapters; leave out ` +
        "timing with --only",
    );
  }
  const session = await openSession(options);
  const paths = session.routers.map(({ path }) => path).filter((path) => path !== null);
  let gpu = "unknown";
  if (options.parts.some((part) => part !== "timing")) {
    const samples = await chosenSamples(options);
    await using server = options.url === null
      ? await EvalServer.start(["--max-adapters", PLACES, ...routerFlags(paths)])
      : null;
    const client = server?.client ?? new Client(options.url!);
    const { base, gpu: found } = await describeServer(client);
    gpu = found;
    await collect({ client, base, samples, session, options });
  }
  if (options.parts.includes("timing")) {
    gpu = await collectTiming({
      counts: options.adapters,
      rounds: options.rounds,
      prompts: await TimedPrompts.read(SAMPLES_FOLDER),
      router: paths[0] ?? null,
      methods: options.methods,
      kept: session.rounds,
      directory: options.directory,
    }) ?? gpu;
  }
  return {
    deno: Deno.version.deno,
    os: `${Deno.build.os} ${Deno.build.arch}`,
    cores: navigator.hardwareConcurrency,
    gpu,
  };
}

/** All samples that count. */
export async function allSamples(
  { samples, compositeSamples, sweepSamples }: Pick<
    EvalOptions,
    "samples" | "compositeSamples" | "sweepSamples"
  >,
): Promise<Sample[]> {
  const read = (files: readonly string[], count: number) =>
    Promise.all(files.map((file) => readSamples(SAMPLES_FOLDER, file, count)));
  const single = await read(await taskNames(SAMPLES_FOLDER), Math.max(samples, sweepSamples));
  return [...single, ...await read(COMPOSITE_FILES, compositeSamples)].flat();
}

async function chosenSamples(options: EvalOptions): Promise<Sample[]> {
  const { tasks } = options;
  const samples = await allSamples(options);
  const files = new Set(samples.map(({ file }) => file));
  const unknown = tasks?.find((task) => !files.has(task));
  if (unknown !== undefined) {
    throw new WeftError(
      "invalid_request",
      `Cannot use --tasks "${unknown}": there is ${[...files].join(", ")}`,
    );
  }
  return samples.filter(({ file }) => tasks?.includes(file) ?? true);
}
