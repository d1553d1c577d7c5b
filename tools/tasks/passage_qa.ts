import { ANIMALS, CITIES, JOBS, NAMES, withArticle } from "./lexicon.ts";
import { qaTask } from "./task.ts";

export const passageQa = qaTask({
  name: "passage_qa",
  topic: "a short passage",
  templates: [
    "{passage} {question}",
    "Read this: {passage} Now answer: {question}",
    "{question} Here is what we know. {passage}",
  ],
}, (rng) => {
  const people = rng.sample(NAMES, 2);
  const cities = rng.sample(CITIES, 2);
  const jobs = rng.sample(JOBS, 2);
  const pets = rng.sample(ANIMALS, 2);
  const passage = people.map((name, i) =>
    `${name} is ${withArticle(jobs[i])} from ${cities[i]} and has ${withArticle(pets[i])}.`
  ).join(" ");
  const i = rng.int(0, 1);
  const [question, answer] = rng.pick([
    [`Where is ${people[i]} from?`, cities[i]],
    [`What is the job of ${people[i]}?`, jobs[i]],
    [`Which animal does ${people[i]} have?`, pets[i]],
    [`Who has the ${pets[i]}?`, people[i]],
    [`Who is from ${cities[i]}?`, people[i]],
    [`Who is the ${jobs[i]}?`, people[i]],
  ]);
  return { slots: { passage, question }, answer };
});
