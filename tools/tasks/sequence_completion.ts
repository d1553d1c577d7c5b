import { COLOURS, OBJECTS } from "./lexicon.ts";
import type { Rng } from "./rng.ts";
import { choiceTask } from "./task.ts";

type Sequence = { items: (string | number)[]; next: string | number; wrong: (string | number)[] };

function numbers(rng: Rng): Sequence {
  const step = rng.pick([1, 2, 5, 10]) * rng.pick([1, 1, -1]);
  const start = step > 0 ? rng.int(1, 6) * (step % 5 === 0 ? 5 : 1) : rng.int(5, 8) * 5;
  const items = [0, 1, 2].map((i) => start + i * step);
  const next = start + 3 * step;
  return { items, next, wrong: [next + 1, next + 3, Math.abs(next - 4)] };
}

function pattern(rng: Rng): Sequence {
  const [a, b, c] = rng.sample(rng.pick([COLOURS, OBJECTS]), 3);
  return rng.chance(0.5)
    ? { items: [a, b, a, b, a], next: b, wrong: [a, c] }
    : { items: [a, b, c, a, b], next: c, wrong: [a, b] };
}

export const sequenceCompletion = choiceTask({
  name: "sequence_completion",
  topic: "sequences",
  templates: [
    "What comes next: {items}, ...?",
    "Continue the sequence: {items}, ...",
    "Look at this row: {items}, ... Which one is next?",
    "The pattern is {items}. What follows?",
  ],
}, (rng) => {
  const { items, next, wrong } = rng.chance(0.4) ? numbers(rng) : pattern(rng);
  return { slots: { items: items.join(", ") }, answer: next, wrong };
});
