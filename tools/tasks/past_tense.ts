import { ANIMALS, COLOURS, NAMES, OBJECTS, PLACES } from "./lexicon.ts";
import { qaTask } from "./task.ts";

const VERBS = (
  "sees saw|finds found|takes took|has had|wants wanted|likes liked|buys bought|sells sold|" +
  "loses lost|brings brought|holds held|draws drew|gets got|keeps kept|hides hid|opens opened"
).split("|").map((pair) => pair.split(" "));

export const pastTense = qaTask({
  name: "past_tense",
  topic: "the past tense",
  templates: [
    "Put this sentence into the past: {sentence}",
    "Rewrite in the past tense: {sentence}",
    "It happened yesterday. Change the sentence: {sentence}",
    'How do you say "{sentence}" in the past tense?',
  ],
}, (rng) => {
  const [present, past] = rng.pick(VERBS);
  const name = rng.pick(NAMES);
  const thing = rng.pick([
    `a ${rng.pick(COLOURS)} ${rng.pick(OBJECTS)}`,
    `the ${rng.pick(ANIMALS)}`,
    `a ${rng.pick(OBJECTS)} in the ${rng.pick(PLACES)}`,
  ]);
  return {
    slots: { sentence: `${name} ${present} ${thing}.` },
    answer: `${name} ${past} ${thing}.`,
  };
});
