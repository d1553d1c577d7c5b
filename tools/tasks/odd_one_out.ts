import { GROUPS } from "./lexicon.ts";
import { choiceTask } from "./task.ts";

export const oddOneOut = choiceTask({
  name: "odd_one_out",
  topic: "the odd one out",
  templates: [
    "Which word is the odd one out?",
    "Which of these does not belong with the others?",
    "Three of these words are of one kind. Which one is not?",
    "Find the word that does not fit.",
  ],
}, (rng) => {
  const [group, other] = rng.sample(Object.values(GROUPS), 2);
  return { slots: {}, answer: rng.pick(other), wrong: rng.sample(group, 3) };
});
