import { NAMES, OBJECTS } from "./lexicon.ts";
import { choiceTask } from "./task.ts";

export const shuffledObjects = choiceTask({
  name: "shuffled_objects",
  topic: "who holds what after a swap",
  templates: [
    "{a} has the {x}, {b} has the {y} and {c} has the {z}. Then {d} and {e} swap. What does {who} have now?",
    "{a} holds the {x}, {b} the {y} and {c} the {z}. Now {d} trades with {e}. Which thing does {who} hold?",
    "At first {a} has the {x}, {b} the {y}, {c} the {z}. {d} and {e} change things. What is with {who} at the end?",
  ],
}, (rng) => {
  const people = rng.sample(NAMES, 3);
  const things = rng.sample(OBJECTS, 3);
  const [i, j] = rng.sample([0, 1, 2], 2);
  const after = [...things];
  [after[i], after[j]] = [after[j], after[i]];
  const asked = rng.int(0, 2);
  const [a, b, c] = people;
  const [x, y, z] = things;
  const slots = { a, b, c, x, y, z, d: people[i], e: people[j], who: people[asked] };
  return { slots, answer: after[asked], wrong: things };
});
