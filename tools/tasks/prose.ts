import {
  ANIMALS,
  CITIES,
  COLOURS,
  FRUITS,
  JOBS,
  NAMES,
  OBJECTS,
  OPPOSITES,
  PLACES,
  WEEKDAYS,
  withArticle,
} from "./lexicon.ts";
import type { Rng } from "./rng.ts";
import { fill } from "./task.ts";

const SENTENCES = [
  "On {day} {name} went to the {place}.",
  "{name} is {job} from {city}.",
  "In the {place} there was {animal} with a {colour} {object}.",
  "{name} had {animal} and {animal2}.",
  "The {object} was {adjective}, but {friend} liked it.",
  "{friend} gave {name} {fruit}.",
  "They looked for the {colour} {object} all day.",
  "It was {adjective} in the {place} that day.",
  "At last {name} found the {object} under a {colour} {object2}.",
  "{friend} and {name} are good friends.",
  "Then they went home to {city}.",
  "{name} put the {object} in a {object2} and was happy.",
  "The {object} was not {adjective}. It was {opposite}.",
];

const OPENINGS = [
  "Once upon a time there lived {job} called {name}.",
  "This is a story about {name} and {animal}.",
  "One day {name} saw a {colour} {object} in the {place}.",
  "{name} lived in {city} with {animal}.",
];

const ENDINGS = [
  "And that is the end of the story.",
  "After that, {name} and {friend} were happy.",
  "{name} slept well that night.",
];

/** A short story of three to seven sentences with one cast. */
export function story(rng: Rng): string {
  const [name, friend] = rng.sample(NAMES, 2);
  const [object, object2] = rng.sample(OBJECTS, 2);
  const [animal, animal2] = rng.sample(ANIMALS, 2).map(withArticle);
  const [adjective, opposite] = rng.pick(OPPOSITES);
  const slots = {
    name,
    friend,
    object,
    object2,
    animal,
    animal2,
    adjective,
    opposite,
    job: withArticle(rng.pick(JOBS)),
    city: rng.pick(CITIES),
    place: rng.pick(PLACES),
    colour: rng.pick(COLOURS),
    day: rng.pick(WEEKDAYS),
    fruit: withArticle(rng.pick(FRUITS)),
  };
  const middle = rng.sample(SENTENCES, rng.int(1, 5));
  return [rng.pick(OPENINGS), ...middle, rng.pick(ENDINGS)]
    .map((sentence) => fill(sentence, slots)).join(" ");
}
