import type { Results } from "../results.ts";
import { mean } from "../../statistics.ts";
import { NONE, number, percent, table } from "./markdown.ts";

/** `top-p` at one p a row. */
export function sweepSection({ sweep, sweepSamples }: Results): string {
  if (sweep.length === 0) return NONE;
  const rows = table(
    ["p", "multiple choice, accuracy, %", "QA, ROUGE-L, %", "adapters a sentence"],
    sweep.map(({ p, choiceAccuracy, qaRougeL, adaptersPerSentence }) => [
      String(p),
      percent(choiceAccuracy),
      percent(qaRougeL),
      number(mean(adaptersPerSentence)),
    ]),
  );
  return `The first router, the first ${sweepSamples} samples of each task:\n\n${rows}`;
}
