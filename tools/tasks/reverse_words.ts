import { ANIMALS, COLOURS, FRUITS, NAMES, OBJECTS } from "./lexicon.ts";
import { qaTask } from "./task.ts";

export const reverseWords = qaTask({
  name: "reverse_words",
  topic: "words in reverse order",
  templates: [
    "Write these words in reverse order: {words}",
    "Say this list backwards: {words}",
    "Turn the order of these words around: {words}",
    "{name} reads this row from the last word to the first: {words}. What does {name} read?",
  ],
}, (rng) => {
  const all = [...OBJECTS, ...ANIMALS, ...FRUITS, ...COLOURS];
  const words = rng.sample(all, rng.int(3, 4));
  return {
    slots: { words: words.join(", "), name: rng.pick(NAMES) },
    answer: words.toReversed().join(", "),
  };
});
