/**
 * Makes this checkout runnable: pinned packages, and a driver for WebGPU.
 *
 * Idempotent, and quick when there is nothing to do. The only thing it ever installs outside the
 * checkout is a Vulkan software driver on Debian or Ubuntu as root; elsewhere it ends with exit
 * code 1 and the command to type.
 */
import { run } from "./command.ts";
import { readMachine } from "./machine.ts";
import { explainFailure, planSetup } from "./plan.ts";
import { probeAdapter } from "./probe.ts";

const PACKAGES_FAILED = "Can't install the pinned npm packages (deno install --frozen). " +
  "Check that the npm registry can be reached, then run the command again.";

async function setup(): Promise<number> {
  // Both only look, most of the time: side by side they cost one look.
  const [packages, machine, adapter] = await Promise.all([
    run([Deno.execPath(), "install", "--frozen", "--quiet"]),
    readMachine(),
    probeAdapter(),
  ]);
  if (!packages.success) return fail(`${packages.tail}\n${PACKAGES_FAILED}`);

  const plan = planSetup(machine, adapter);
  if (plan.kind === "instruct") return fail(plan.message);
  say(plan.message);
  if (plan.kind === "ready") return 0;

  for (const command of plan.commands) {
    say(command.join(" "));
    const { success, tail } = await run(command, { DEBIAN_FRONTEND: "noninteractive" });
    if (!success) return fail(`${tail}\n${explainFailure(machine, `"${command[0]}" failed`)}`);
  }
  const after = planSetup(machine, await probeAdapter());
  if (after.kind !== "ready") {
    return fail(explainFailure(machine, "The driver is installed, but WebGPU finds no adapter"));
  }
  say(after.message);
  return 0;
}

/** Progress goes to stderr, so that a task's own output stays clean. */
function say(message: string): void {
  console.error(`setup: ${message}`);
}

function fail(message: string): number {
  say(message);
  return 1;
}

Deno.exit(await setup());
