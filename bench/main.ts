/** `deno task bench [part…]`: measures this machine; `--help` tells how. */
import { messageOf, WeftError } from "../engine/core/errors.ts";
import { HELP, parseOptions } from "./options.ts";
import { report } from "./report/mod.ts";
import { runBench } from "./run/mod.ts";

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help")) {
    console.log(HELP);
    return 0;
  }
  try {
    const options = parseOptions(args);
    if (options.command === "run") return await runBench(options);
    await report(options);
    return 0;
  } catch (error) {
    if (!(error instanceof WeftError)) throw error;
    console.error(messageOf(error));
    return error.code === "invalid_request" ? 2 : 1;
  }
}

Deno.exit(await main(Deno.args));
