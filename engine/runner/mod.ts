/** The step loop's body: from requests to token events. */
export type { AdapterPool, RunnerPorts } from "./ports.ts";
export { type OpenRunner, openRunner, type OpenRunnerOptions } from "./open_runner.ts";
export { Runner, type RunnerParts } from "./runner.ts";
export { type Sizing, type SizingOptions } from "./sizing.ts";
