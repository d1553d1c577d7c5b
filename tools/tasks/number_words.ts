import { NAMES, OBJECTS } from "./lexicon.ts";
import { qaTask } from "./task.ts";

const SMALL = (
  "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen " +
  "fifteen sixteen seventeen eighteen nineteen"
).split(" ");
const TENS = ["", "", "twenty", "thirty", "forty"];

/** Writes 0 to 49 in words. */
export function toWords(value: number): string {
  if (value < 20) return SMALL[value];
  const tens = TENS[Math.floor(value / 10)];
  return value % 10 === 0 ? tens : `${tens} ${SMALL[value % 10]}`;
}

export const numberWords = qaTask({
  name: "number_words",
  topic: "numbers in words",
  templates: [
    "Write {a} and {b} in words.",
    "How do you spell the numbers {a} and {b}?",
    "{name} has {a} coins and {b} of another kind. Say both numbers in words.",
    "The {object} has the numbers {a} and {b} on it. Write them as words.",
  ],
}, (rng) => {
  const a = rng.int(1, 49);
  const b = rng.int(1, 49);
  return {
    slots: { a, b, name: rng.pick(NAMES), object: rng.pick(OBJECTS) },
    answer: `${toWords(a)} and ${toWords(b)}`,
  };
});
