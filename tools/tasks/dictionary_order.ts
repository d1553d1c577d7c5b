import { NAMES } from "./lexicon.ts";
import { choiceTask } from "./task.ts";
import { SORTABLE } from "./word_sorting.ts";

export const dictionaryOrder = choiceTask({
  name: "dictionary_order",
  topic: "the order of words in a dictionary",
  templates: [
    "Which word comes first in the dictionary?",
    "Which of these words comes first in alphabetical order?",
    "{name} sorts these words from A to Z. Which one is first?",
    "Find the word that a dictionary has first.",
  ],
}, (rng) => {
  const words = rng.sample(SORTABLE, 3);
  return { slots: { name: rng.pick(NAMES) }, answer: words.toSorted()[0], wrong: words };
});
