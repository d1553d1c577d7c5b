import { NAMES } from "./lexicon.ts";
import { choiceTask } from "./task.ts";

/** Big unit, small unit, how many small ones make one big one. */
const UNITS: readonly (readonly [string, string, number])[] = [
  ["weeks", "days", 7],
  ["years", "months", 12],
  ["days", "hours", 24],
  ["minutes", "seconds", 60],
  ["hours", "minutes", 60],
  ["metres", "centimetres", 100],
  ["kilometres", "metres", 1000],
  ["kilograms", "grams", 1000],
  ["feet", "inches", 12],
  ["dozens", "pieces", 12],
];

const COUNTS = ["two", "three", "four", "five"];

export const unitConversion = choiceTask({
  name: "unit_conversion",
  topic: "units",
  templates: [
    "How many {small} are there in {count} {big}?",
    "{name} has {count} {big}. How many {small} is that?",
    "Change {count} {big} into {small}.",
    "In {small}, how much are {count} {big}?",
  ],
}, (rng) => {
  const [big, small, factor] = rng.pick(UNITS);
  const count = rng.int(2, 5);
  const answer = count * factor;
  const wrong = rng.shuffle([factor * (count + 1), answer + 10, count * 10, factor + count]);
  return { slots: { big, small, count: COUNTS[count - 2], name: rng.pick(NAMES) }, answer, wrong };
});
