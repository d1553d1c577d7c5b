import { NAMES } from "./lexicon.ts";
import type { Rng } from "./rng.ts";
import { choiceTask } from "./task.ts";

function expression(rng: Rng): { text: string; value: boolean } {
  const [a, b] = [rng.chance(0.5), rng.chance(0.5)];
  if (rng.chance(0.3)) return { text: `not ${a}`, value: !a };
  return rng.chance(0.5)
    ? { text: `${a} and ${b}`, value: a && b }
    : { text: `${a} or ${b}`, value: a || b };
}

export const booleanExpressions = choiceTask({
  name: "boolean_expressions",
  topic: "true and false",
  templates: [
    "Is this true or false: {text}",
    "Evaluate {text}",
    "{name} says: {text}. What does that make?",
    "What do you get from {text}?",
  ],
}, (rng) => {
  const { text, value } = expression(rng);
  return { slots: { text, name: rng.pick(NAMES) }, answer: String(value), wrong: [String(!value)] };
});
