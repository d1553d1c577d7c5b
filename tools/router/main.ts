/** `deno task router`: trains and measures routers. */
import { messageOf } from "../../engine/core/errors.ts";
import { readCommand, type TrainOptions } from "./options.ts";
import { ProgressLine } from "./progress.ts";
import { reportText, scoresText } from "./report.ts";

async function runTrain(options: TrainOptions): Promise<number> {
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
  await Deno.writeFile(options.out, trained.file);
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
