import { ensure } from "./invariant.ts";
import type { StepPlan, StepResults } from "./plan.ts";
import type { SequenceRecord } from "./sequence.ts";

/** Throws `internal` unless there are tokens for exactly the sequences the step sampled. */
export function checkResults(plan: StepPlan<SequenceRecord>, results: StepResults): void {
  let expected = 0;
  for (const { sequence, last } of plan.prefills) {
    if (last) expected += checkDrawn(sequence, { results, least: 1, most: 1 });
  }
  for (const sequence of plan.decodes) {
    const most = Math.min(plan.burst, sequence.remaining);
    expected += checkDrawn(sequence, { results, least: 0, most });
  }
  ensure(
    expected === results.size,
    () => `results for ${results.size} sequences, ${expected} were sampled`,
  );
}

/** 1 if the sequence has a result; one that was ended in flight needs none. */
function checkDrawn(
  sequence: SequenceRecord,
  { results, least, most }: { results: StepResults; least: number; most: number },
): number {
  const drawn = results.get(sequence);
  ensure(
    sequence.flight === "doomed" ||
      (drawn !== undefined && drawn.length >= least && drawn.length <= most),
    () => `${drawn?.length ?? "no"} tokens drawn for "${sequence.id}", must be ${least} to ${most}`,
  );
  return drawn ? 1 : 0;
}
