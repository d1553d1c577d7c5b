import { choiceTask } from "./task.ts";

const SIGNS: readonly (readonly [number, string])[] = [
  [10, "X"],
  [9, "IX"],
  [5, "V"],
  [4, "IV"],
  [1, "I"],
];

/** Writes 1 to 39 as a Roman numeral. */
export function toRoman(value: number): string {
  let rest = value;
  let text = "";
  for (const [worth, sign] of SIGNS) {
    while (rest >= worth) {
      text += sign;
      rest -= worth;
    }
  }
  return text;
}

export const romanNumerals = choiceTask({
  name: "roman_numerals",
  topic: "Roman numerals",
  templates: [
    "Which number is the Roman numeral {numeral}?",
    "What is {numeral} in ordinary digits?",
    "The clock shows {numeral}. Which number is that?",
    "A page is numbered {numeral}. What is this number?",
  ],
}, (rng) => {
  const value = rng.int(1, 20);
  const near = [value - 2, value - 1, value + 1, value + 2, value + 5].filter((n) => n > 0);
  return { slots: { numeral: toRoman(value) }, answer: value, wrong: rng.sample(near, 3) };
});
