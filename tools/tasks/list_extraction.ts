import { ANIMALS, COLOURS, FRUITS, joinAnd, NAMES, OBJECTS, PLACES } from "./lexicon.ts";
import { qaTask } from "./task.ts";

const KINDS: Record<string, readonly string[]> = {
  animals: ANIMALS,
  fruits: FRUITS,
  objects: OBJECTS,
  colours: COLOURS,
};

export const listExtraction = qaTask({
  name: "list_extraction",
  topic: "picking words out of a list",
  templates: [
    "{name} wrote down {list}. List only the {kind}.",
    "Here are some words: {list}. Which of them are {kind}?",
    "Pick out the {kind} from this list: {list}.",
    "In the {place} someone said {list}. Name the {kind}.",
  ],
}, (rng) => {
  const [kind, other] = rng.sample(Object.keys(KINDS), 2);
  const wanted = rng.sample(KINDS[kind], rng.int(1, 3));
  const words = rng.shuffle([...wanted, ...rng.sample(KINDS[other], rng.int(1, 2))]);
  const answer = words.filter((word) => wanted.includes(word)).join(", ");
  return {
    slots: { list: joinAnd(words), kind, name: rng.pick(NAMES), place: rng.pick(PLACES) },
    answer,
  };
});
