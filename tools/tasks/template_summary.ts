import { COLOURS, NAMES, OBJECTS, PLACES, WEEKDAYS } from "./lexicon.ts";
import { qaTask } from "./task.ts";

export const templateSummary = qaTask({
  name: "template_summary",
  topic: "a summary in a fixed form",
  templates: [
    "Summarise as who, what, where: {story}",
    "Fill in the form (who, what, where) for this story: {story}",
    "{story} Give a summary with who, what and where.",
  ],
}, (rng) => {
  const name = rng.pick(NAMES);
  const object = rng.pick(OBJECTS);
  const place = rng.pick(PLACES);
  const colour = rng.pick(COLOURS);
  const day = rng.pick(WEEKDAYS);
  const story = rng.pick([
    `On ${day} ${name} went to the ${place} and bought a ${colour} ${object}.`,
    `${name} was in the ${place} on ${day} and lost a ${object}. It was ${colour}.`,
    `It was ${day}. In the ${place}, ${name} found a ${colour} ${object}.`,
  ]);
  return { slots: { story }, answer: `who: ${name}; what: ${object}; where: ${place}` };
});
