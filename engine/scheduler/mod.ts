/**
 * The pure scheduler: continuous batching, chunked prefill, paged KV with a prefix cache,
 * preemption by recompute. See `Scheduler` for the order of calls.
 */
export type { SchedulerOptions } from "./options.ts";
export type { PrefillChunk, SchedulerStats, StepPlan, StepResults } from "./plan.ts";
export { Scheduler } from "./scheduler.ts";
export {
  BLOCK_SIZE,
  type Pace,
  type Segment,
  type Sequence,
  type SequenceSpec,
  STEADY,
} from "./sequence.ts";
