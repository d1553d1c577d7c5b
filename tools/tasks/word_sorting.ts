import { NAMES } from "./lexicon.ts";
import { qaTask } from "./task.ts";

/** One word a letter, so that the order is settled by the first letter. */
export const SORTABLE = (
  "apple bear cat dog egg fox goat hat ink jam key lamp mouse nut oil pear queen ring spoon tent"
).split(" ");

export const wordSorting = qaTask({
  name: "word_sorting",
  topic: "alphabetical order",
  templates: [
    "Sort these words alphabetically: {words}",
    "Put these in alphabetical order: {words}",
    "{name} needs these words from A to Z: {words}",
    "Order this list by the alphabet: {words}",
  ],
}, (rng) => {
  const words = rng.sample(SORTABLE, 3);
  const answer = words.toSorted().join(", ");
  return { slots: { words: words.join(", "), name: rng.pick(NAMES) }, answer };
});
