import { NAMES, PLACES } from "./lexicon.ts";
import { choiceTask } from "./task.ts";

export const DIRECTIONS = ["north", "east", "south", "west"];
export const TURNS: readonly (readonly [string, number])[] = [["right", 1], ["left", 3], [
  "around",
  2,
]];

export const navigation = choiceTask({
  name: "navigation",
  topic: "directions",
  templates: [
    "You face {start} and turn {turn}. Which way do you look?",
    "{name} goes {start}, then {turn}. Which way is that?",
    "In the {place} {name} walks {start}, then turns {turn}. Which direction is it now?",
    "Start {start}, turn {turn}. Where do you face?",
  ],
}, (rng) => {
  const start = rng.int(0, 3);
  const [turn, by] = rng.pick(TURNS);
  const slots = {
    start: DIRECTIONS[start],
    turn,
    name: rng.pick(NAMES),
    place: rng.pick(PLACES),
  };
  return { slots, answer: DIRECTIONS[(start + by) % 4], wrong: DIRECTIONS };
});
