import { COLOURS, joinAnd, NAMES, OBJECTS, PLACES, withArticle } from "./lexicon.ts";
import { choiceTask } from "./task.ts";

export const colouredObjects = choiceTask({
  name: "coloured_objects",
  topic: "colours of things",
  templates: [
    "On the table there is {list}. What colour is the {object}?",
    "{name} has {list}. Which colour does the {object} have?",
    "In the {place} I see {list}. Tell me the colour of the {object}.",
    "There is {list} in the {place}. The {object} has which colour?",
  ],
}, (rng) => {
  const objects = rng.sample(OBJECTS, 3);
  const colours = rng.sample(COLOURS, 4);
  const list = joinAnd(objects.map((object, i) => withArticle(`${colours[i]} ${object}`)));
  const asked = rng.int(0, 2);
  return {
    slots: { list, object: objects[asked], name: rng.pick(NAMES), place: rng.pick(PLACES) },
    answer: colours[asked],
    wrong: colours,
  };
});
