import { OPPOSITES, SYNONYMS } from "./lexicon.ts";
import { choiceTask } from "./task.ts";

export const synonyms = choiceTask({
  name: "synonyms",
  topic: "words that mean the same",
  templates: [
    "Which word means the same as {word}?",
    "What is another word for {word}?",
    "Find the word whose meaning is closest to {word}.",
    "If something is {word}, what else can we call it?",
  ],
}, (rng) => {
  const [pair, ...others] = rng.sample(SYNONYMS, 3);
  const [word, answer] = rng.shuffle(pair);
  const opposite = OPPOSITES.find((two) => two.includes(pair[0]))!.find((w) => w !== pair[0])!;
  return { slots: { word }, answer, wrong: [opposite, ...others.map((other) => rng.pick(other))] };
});
