import { ANIMALS, COLOURS, NAMES, OBJECTS, PLACES } from "./lexicon.ts";
import { qaTask } from "./task.ts";

export const copyText = qaTask({
  name: "copy_text",
  topic: "copying a text",
  templates: [
    'Repeat exactly what is in quotes: "{text}"',
    'Copy this text: "{text}"',
    '{name} said: "{text}" What were the words?',
    'Write the quoted part again: "{text}"',
  ],
}, (rng) => {
  const patterns = [
    () => `the ${rng.pick(COLOURS)} ${rng.pick(OBJECTS)} in the ${rng.pick(PLACES)}`,
    () => `a ${rng.pick(ANIMALS)}, a ${rng.pick(OBJECTS)} and ${rng.pick(NAMES)}`,
    () => `${rng.pick(NAMES)} likes the ${rng.pick(COLOURS)} ${rng.pick(ANIMALS)}`,
    () => rng.sample([...OBJECTS, ...ANIMALS, ...COLOURS], 4).join(" "),
  ];
  const text = rng.pick(patterns)();
  return { slots: { text, name: rng.pick(NAMES) }, answer: text };
});
