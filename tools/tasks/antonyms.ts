import { OPPOSITES } from "./lexicon.ts";
import { choiceTask } from "./task.ts";

export const antonyms = choiceTask({
  name: "antonyms",
  topic: "opposites",
  templates: [
    "What is the opposite of {word}?",
    "Which word means the opposite of {word}?",
    "If something is not {word}, what is it?",
    "Find the word whose meaning is opposite to {word}.",
  ],
}, (rng) => {
  const [pair, ...others] = rng.sample(OPPOSITES, 4);
  const [word, answer] = rng.shuffle(pair);
  return { slots: { word }, answer, wrong: others.map((other) => rng.pick(other)) };
});
