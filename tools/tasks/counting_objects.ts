import { ANIMALS, FRUITS, joinAnd, NAMES, OBJECTS, PLACES, withArticle } from "./lexicon.ts";
import { choiceTask } from "./task.ts";

const COUNTS = ["one", "two", "three", "four", "five", "six"];

export const countingObjects = choiceTask({
  name: "counting_objects",
  topic: "counting",
  templates: [
    "{name} has {list}. How many things is that?",
    "There is {list} in the {place}. How many are there?",
    "Count these: {list}. What is the count?",
    "I see {list}. How many things do I see?",
  ],
}, (rng) => {
  const count = rng.int(1, 5);
  const list = joinAnd(rng.sample([...OBJECTS, ...ANIMALS, ...FRUITS], count).map(withArticle));
  const answer = COUNTS[count - 1];
  return {
    slots: { list, name: rng.pick(NAMES), place: rng.pick(PLACES) },
    answer,
    wrong: rng.sample(COUNTS.filter((word) => word !== answer), 3),
  };
});
