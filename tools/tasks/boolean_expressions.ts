import { NAMES } from "./lexicon.ts";
import type { Rng } from "./rng.ts";
import { choiceTask } from "./task.ts";

function term(rng: Rng): { text: string; value: boolean } {
  const value = rng.chance(0.5);
  const word = value ? "true" : "false";
  return rng.chance(0.4) ? { text: `not ${word}`, value: !value } : { text: word, value };
}

export const booleanExpressions = choiceTask({
  name: "boolean_expressions",
  topic: "true and false",
  templates: [
    "What is the value of {expression}?",
    "Work out this expression: {expression}.",
    "{name} writes {expression}. Is the result true or false?",
    "Say whether {expression} is true or false.",
  ],
}, (rng) => {
  const left = term(rng);
  const right = term(rng);
  const and = rng.chance(0.5);
  const value = and ? left.value && right.value : left.value || right.value;
  const expression = `${left.text} ${and ? "and" : "or"} ${right.text}`;
  return {
    slots: { expression, name: rng.pick(NAMES) },
    answer: String(value),
    wrong: [String(!value)],
  };
});
