import { choiceTask } from "./task.ts";

/** Words that rhyme with each other. */
export const FAMILIES = (
  "cat hat bat mat|dog frog log fog|mouse house blouse|box fox socks|bear chair pear hair|" +
  "cake lake snake|ring king wing|goat boat coat|red bed head|blue shoe two|green queen bean|" +
  "light night kite|book cook hook|ball wall tall|cold gold old|pen hen men ten|" +
  "plum drum thumb|coin join|fish dish wish|plate gate late|clock sock rock|spoon moon June"
).split("|").map((family) => family.split(" "));

export const rhymes = choiceTask({
  name: "rhymes",
  topic: "rhymes",
  templates: [
    "Which word rhymes with {word}?",
    "Find a word that rhymes with {word}.",
    "Which of these words ends with the same sound as {word}?",
    "I need a rhyme for {word}. Which word fits?",
  ],
}, (rng) => {
  const [family, ...others] = rng.sample(FAMILIES, 4);
  const [word, answer] = rng.sample(family, 2);
  return { slots: { word }, answer, wrong: others.map((other) => rng.pick(other)) };
});
