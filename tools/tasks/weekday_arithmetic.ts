import { NAMES, WEEKDAYS } from "./lexicon.ts";
import { choiceTask } from "./task.ts";

const SHIFTS: readonly (readonly [string, number])[] = [
  ["yesterday", -1],
  ["tomorrow", 1],
  ["in two days", 2],
  ["two days ago", -2],
  ["in three days", 3],
  ["in a week", 7],
];

export const weekdayArithmetic = choiceTask({
  name: "weekday_arithmetic",
  topic: "days of the week",
  templates: [
    "Today is {day}. What day is it {shift}?",
    "If today is {day}, which day of the week is {shift}?",
    "{name} says that it is {day}. Which day is {shift}?",
    "It is {day} now. Name the day {shift}.",
  ],
}, (rng) => {
  const today = rng.int(0, 6);
  const [shift, by] = rng.pick(SHIFTS);
  const answer = WEEKDAYS[(today + by + 7) % 7];
  const slots = { day: WEEKDAYS[today], shift, name: rng.pick(NAMES) };
  return { slots, answer, wrong: rng.sample(WEEKDAYS.filter((day) => day !== answer), 3) };
});
