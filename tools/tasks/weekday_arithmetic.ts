import { NAMES, WEEKDAYS } from "./lexicon.ts";
import { choiceTask } from "./task.ts";

const SHIFTS: readonly (readonly [string, number])[] = [
  ["just before", -1],
  ["just after", 1],
  ["two days before", -2],
  ["two days after", 2],
  ["three days after", 3],
];

export const weekdayArithmetic = choiceTask({
  name: "weekday_arithmetic",
  topic: "days of the week",
  templates: [
    "Which day comes {shift} {day}?",
    "What is the day {shift} {day}?",
    "{name} will come {shift} {day}. On which day is that?",
    "The party is {shift} {day}. Which day of the week is that?",
  ],
}, (rng) => {
  const today = rng.int(0, 6);
  const [shift, by] = rng.pick(SHIFTS);
  const answer = WEEKDAYS[(today + by + 7) % 7];
  const slots = { day: WEEKDAYS[today], shift, name: rng.pick(NAMES) };
  return { slots, answer, wrong: rng.sample(WEEKDAYS.filter((day) => day !== answer), 3) };
});
