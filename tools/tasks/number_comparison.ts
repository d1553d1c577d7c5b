import { NAMES, OBJECTS } from "./lexicon.ts";
import { choiceTask } from "./task.ts";

export const numberComparison = choiceTask({
  name: "number_comparison",
  topic: "comparing numbers",
  templates: [
    "Which number is the largest?",
    "Which of these is the greatest number?",
    "{name} wants the biggest number. Which one is it?",
    "Which number is the smallest?",
    "Which of these is the lowest number?",
    "{name} has a {object} with the least number on it. Which number is it?",
  ],
}, (rng) => {
  const numbers = rng.sample(Array.from({ length: 40 }, (_, i) => i + 1), 3);
  numbers.sort((a, b) => a - b);
  const largest = rng.chance(0.5);
  const answer = largest ? numbers[2] : numbers[0];
  const slots = { name: rng.pick(NAMES), object: rng.pick(OBJECTS) };
  return { slots, answer, wrong: numbers, templates: largest ? [0, 1, 2] : [3, 4, 5] };
});
