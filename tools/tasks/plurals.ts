import { choiceTask } from "./task.ts";

/** Noun, plural, and a mistake that people make. */
const PLURALS: readonly (readonly [string, string, string])[] = (
  "cat cats cates|dog dogs doges|horse horses horsies|cow cows cowes|sheep sheep sheeps|" +
  "goat goats goates|mouse mice mouses|fox foxes foxs|wolf wolves wolfs|bear bears beares|" +
  "duck ducks duckes|goose geese gooses|frog frogs froges|fish fish fishs|box boxes boxs|" +
  "key keys keies|city cities citys|child children childs|man men mans|woman women womans|" +
  "foot feet foots|tooth teeth tooths|cherry cherries cherrys|peach peaches peachs|" +
  "knife knives knifes|leaf leaves leafs|bus buses buss|glass glasses glasss|" +
  "book books bookes|lamp lamps lampes|party parties partys|lady ladies ladys"
).split("|").map((row) => row.split(" ") as [string, string, string]);

export const plurals = choiceTask({
  name: "plurals",
  topic: "plural forms",
  templates: [
    "What is the plural of {word}?",
    "One {word}, two ... Which word is right?",
    "Which is the correct form for more than one {word}?",
    "Choose the right plural form of {word}.",
  ],
}, (rng) => {
  const [[word, answer, mistake], ...others] = rng.sample(PLURALS, 3);
  return { slots: { word }, answer, wrong: [mistake, ...others.map((other) => other[1])] };
});
