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
    "{name} faces {start} and turns {turns}. Which way does {name} face now?",
    "In the {place} you look {start}. You turn {turns}. Which direction is ahead of you?",
    "A {place} path goes {start}. {name} walks along it, then turns {turns}. Where is {name} heading?",
    "Start facing {start}. Turn {turns}. Which direction is that?",
  ],
}, (rng) => {
  const start = rng.int(0, 3);
  const turns = Array.from({ length: rng.pick([1, 1, 2]) }, () => rng.pick(TURNS));
  const end = turns.reduce((facing, [, by]) => (facing + by) % 4, start);
  const slots = {
    start: DIRECTIONS[start],
    turns: turns.map(([word]) => word).join(", then "),
    name: rng.pick(NAMES),
    place: rng.pick(PLACES),
  };
  return { slots, answer: DIRECTIONS[end], wrong: DIRECTIONS };
});
