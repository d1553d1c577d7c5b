/** `deno task router`: trains and measures routers. */
import { dirname } from "node:path";
import { messageOf, WeftError } from "../../engine/core/errors.ts";
import { readCommand, type TrainOptions } from "./options.ts";
import { ProgressLine } from "./progress.ts";
import { reportText, scoresText } from "./report.ts";

/** Found before the training: not when its work would be lost. */
async function checkOut(out: string): Promise<void> {
  const folder = dirname(out);
  const isFolder = await Deno.stat(folder).then((info) => info.isDirectory, () => false);
  if (isFolder && out.endsWith(".onnx")) return;
  const why = isFolder ? "its name must end in .onnx" : `there is no folder "${folder}"`;
  throw new WeftError("invalid_request", `Cannot write "${out}": ${why}`);
}

/** A server may be reading the old file: the new one takes its place at once. */
async function writeWhole(path: string, data: Uint8Array): Promise<void> {
  await Deno.writeFile(`${path}.part`, data);
  await Deno.rename(`${path}.part`, path);
}

async function runTrain(options: TrainOptions): Promise<number> {
  await checkOut(options.out);
  const { train } = await import("./train.ts");
  let interrupted = false;
  const progress = new ProgressLine();
  const stop = () => interrupted = true;
  Deno.addSignalListener("SIGINT", stop);
  const trained = await train(options, {
    onProgress: (state) => progress.show(state),
    interrupted: () => interrupted,
  });
  progress.end();
  Deno.removeSignalListener("SIGINT", stop);
  if (trained === null) {
    console.error("router: stopped before there was anything to keep; no file was written");
    return 130;
  }
  await writeWhole(options.out, trained.file);
  const report = options.out.replace(/\.onnx$/, "") + ".report.json";
  await Deno.writeTextFile(report, JSON.stringify(trained.report, null, 2) + "\n");
  console.log(reportText(trained.report));
  console.log(`\nWrote ${options.out} (version ${trained.report.version}) and ${report}`);
  return 0;
}

async function main(): Promise<number> {
  let command;
  try {
    command = readCommand(Deno.args);
  } catch (error) {
    console.error(`router: ${messageOf(error)}`);
    return 2;
  }
  try {
    if (command.kind === "help") console.log(command.text);
    if (command.kind === "train") return await runTrain(command.options);
    if (command.kind === "eval") {
      const { evaluate } = await import("./eval.ts");
      const scores = await evaluate(command.options);
      console.log(scoresText(scores));
      const { json } = command.options;
      if (json !== null) await Deno.writeTextFile(json, JSON.stringify(scores, null, 2) + "\n");
    }
    return 0;
  } catch (error) {
    console.error(`router: ${messageOf(error)}`);
    return 1;
  }
}

// jax-js leaves its workers running.
if (import.meta.main) Deno.exit(await main());
