import { MONTHS, NAMES } from "./lexicon.ts";
import { choiceTask } from "./task.ts";

const SHIFTS: readonly (readonly [string, number])[] = [
  ["just before", -1],
  ["just after", 1],
  ["two months after", 2],
  ["two months before", -2],
  ["three months after", 3],
];

export const calendarMonths = choiceTask({
  name: "calendar_months",
  topic: "months of the year",
  templates: [
    "Which month comes {shift} {month}?",
    "What is the month {shift} {month}?",
    "{name} was born {shift} {month}. In which month?",
    "The party is {shift} {month}. Which month is that?",
  ],
}, (rng) => {
  const month = rng.int(0, 11);
  const [shift, by] = rng.pick(SHIFTS);
  const answer = MONTHS[(month + by + 12) % 12];
  const slots = { month: MONTHS[month], shift, name: rng.pick(NAMES) };
  return { slots, answer, wrong: rng.sample(MONTHS.filter((other) => other !== answer), 3) };
});
