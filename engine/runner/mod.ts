/** The step loop's body: from requests to token events. */
export type { AdapterPool, RunnerPorts } from "./ports.ts";
export { Runner, type RunnerParts } from "./runner.ts";
