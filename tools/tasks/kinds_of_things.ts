import { GROUPS, NAMES } from "./lexicon.ts";
import { choiceTask } from "./task.ts";

export const kindsOfThings = choiceTask({
  name: "kinds_of_things",
  topic: "kinds of things",
  templates: [
    "Which group does {word} belong to?",
    "What kind of word is {word}?",
    "{name} writes {word} into a list. Which list is right?",
    "In which list would you find {word}?",
  ],
}, (rng) => {
  const [kind, ...others] = rng.sample(Object.keys(GROUPS), 4);
  const slots = { word: rng.pick(GROUPS[kind]), name: rng.pick(NAMES) };
  return { slots, answer: kind, wrong: others };
});
