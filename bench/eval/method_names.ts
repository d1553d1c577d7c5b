import { COMPOSITE_METHODS, SWEEP_METHODS, TASK_METHODS } from "./methods.ts";
import { TIMED_METHODS } from "./timing/methods.ts";

/** Every name that `--methods` takes. */
export function methodNames(): string[] {
  const all = [...TASK_METHODS, ...COMPOSITE_METHODS, ...SWEEP_METHODS, ...TIMED_METHODS];
  return [...new Set(all.map(({ name }) => name))];
}
