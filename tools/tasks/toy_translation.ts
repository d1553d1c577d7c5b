import { NAMES } from "./lexicon.ts";
import { qaTask } from "./task.ts";

/** A made-up language, "Velu": every English word has one Velu word, in the same order. */
const VELU = Object.fromEntries(
  ("the la|a un|cat miro|dog baku|horse tolen|bird pilu|fox renta|ball gobi|book liva|cup tasu|" +
    "key kero|hat sopa|red rosu|blue azul|green verda|black nero|white blan|sees vida|likes amor|" +
    "has tena|finds trova|wants vola|takes prena").split("|").map((pair) => pair.split(" ")),
);

const ANIMALS = ["cat", "dog", "horse", "bird", "fox"];
const THINGS = ["ball", "book", "cup", "key", "hat"];
const COLOURS = ["red", "blue", "green", "black", "white"];
const VERBS = ["sees", "likes", "has", "finds", "wants", "takes"];

export const toyTranslation = qaTask({
  name: "toy_translation",
  topic: "translation into Velu",
  templates: [
    "Translate into Velu: {sentence}",
    'How do you say "{sentence}" in Velu?',
    "Put this into the Velu language: {sentence}",
    "{name} speaks Velu. How does {name} say this: {sentence}",
  ],
}, (rng) => {
  const adjective = rng.chance(0.6) ? [rng.pick(COLOURS)] : [];
  const subject = [rng.pick(["the", "a"]), rng.pick(ANIMALS)];
  const object = [rng.pick(["the", "a"]), ...adjective, rng.pick(THINGS)];
  const words = [...subject, rng.pick(VERBS), ...object];
  const answer = words.map((word) => VELU[word]).join(" ");
  return { slots: { sentence: words.join(" "), name: rng.pick(NAMES) }, answer };
});
