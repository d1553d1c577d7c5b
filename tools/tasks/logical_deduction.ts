import { NAMES } from "./lexicon.ts";
import { choiceTask } from "./task.ts";

/** Comparative, superlative for the first, superlative for the last. */
const ORDERS = [
  ["taller", "tallest", "shortest"],
  ["older", "oldest", "youngest"],
  ["faster", "fastest", "slowest"],
  ["richer", "richest", "poorest"],
];

export const logicalDeduction = choiceTask({
  name: "logical_deduction",
  topic: "putting people in order",
  templates: [
    "{a} is {more} than {b}. {c} is {more} than {d}. Who is the {most}?",
    "We know that {a} is {more} than {b} and {c} is {more} than {d}. Which of them is the {most}?",
    "Of three friends, {a} is {more} than {b}, and {c} is {more} than {d}. Name the {most} one.",
  ],
}, (rng) => {
  const people = rng.sample(NAMES, 3);
  const facts = rng.shuffle([[people[0], people[1]], [people[1], people[2]]]);
  const [more, first, last] = rng.pick(ORDERS);
  const wantFirst = rng.chance(0.5);
  const [[a, b], [c, d]] = facts;
  const slots = { a, b, c, d, more, most: wantFirst ? first : last };
  return { slots, answer: people[wantFirst ? 0 : 2], wrong: rng.shuffle(people) };
});
