import {
  ANIMALS,
  CITIES,
  COLOURS,
  FRUITS,
  GROUPS,
  JOBS,
  MONTHS,
  NAMES,
  OBJECTS,
  OPPOSITES,
  PLACES,
  SYNONYMS,
  WEEKDAYS,
} from "./lexicon.ts";
import { DIRECTIONS, TURNS } from "./navigation.ts";
import { FAMILIES } from "./rhymes.ts";
import type { Rng } from "./rng.ts";
import { SORTABLE } from "./word_sorting.ts";

/** A list of short exercises: each is given text and the text that must follow from it. */
export type Drill = [given: string, due: string][];

const WORDS = [
  ...[NAMES, OBJECTS, ANIMALS, FRUITS, COLOURS, CITIES, PLACES, JOBS].flat(),
  ...OPPOSITES.flat(),
];
const NUMBERS = Array.from({ length: 49 }, (_, i) => String(i + 1));
const SEPARATORS = [" ", ", ", "\n"];

function repeat<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make);
}

/** The same words again, often with other separators, sometimes from the last to the first. */
function copying(rng: Rng): Drill {
  const words = rng.sample(rng.chance(0.2) ? NUMBERS : WORDS, rng.int(5, 12));
  const [first, second] = [rng.pick(SEPARATORS), rng.pick(SEPARATORS)];
  const backwards = rng.chance(0.25);
  const mark = backwards ? "Backwards:\n" : "Again:\n";
  const due = (backwards ? words.toReversed() : words).join(second);
  return [[`${words.join(first)}\n${mark}`, due]];
}

/** A list three times over, always written alike: the surest way to learn to copy. */
export function plainCopy(rng: Rng): Drill {
  const line = ` ${rng.sample(WORDS, rng.int(8, 24)).join(" ")}\n`;
  return [[line, line + line]];
}

/** A long list three times over, with other separators each time. */
function longCopy(rng: Rng): Drill {
  const words = rng.sample(rng.chance(0.15) ? NUMBERS : WORDS, rng.int(12, 32));
  const separators = repeat(3, () => rng.pick(SEPARATORS));
  const [first, second, third] = separators.map((separator) => words.join(separator));
  return [[`${first}\nAgain:\n`, second], ["\nAgain:\n", third]];
}

/** Pairs, then some of their first words again: the second words are due. */
function recall(rng: Rng): Drill {
  const keys = rng.sample(rng.pick([NAMES, OBJECTS, ANIMALS]), rng.int(3, 6));
  const values = rng.sample(rng.pick([COLOURS, CITIES, JOBS, PLACES, FRUITS]), keys.length);
  const pairs = keys.map((key, i) => [key, values[i]]);
  const head = pairs.map(([key, value]) => rng.chance(0.5) ? `${key} ${value}` : `${value} ${key}`);
  const asked = rng.shuffle(pairs).map(([key, value]): [string, string] =>
    rng.chance(0.5) ? [`${key}:`, ` ${value}\n`] : [`${value}:`, ` ${key}\n`]
  );
  return [[`${head.join(", ")}\n`, ""], ...asked];
}

/** Pairs in one order, and each asked for three times. */
function longRecall(rng: Rng): Drill {
  const count = rng.int(4, 8);
  const [keys, values] = rng.sample([NAMES, OBJECTS, ANIMALS, COLOURS, CITIES, JOBS, PLACES], 2)
    .map((words) => rng.sample(words, count));
  const pairs = rng.shuffle(keys.map((key, i) => [key, values[i]]));
  const backwards = rng.chance(0.5);
  const mark = rng.pick([" ", " has ", ": "]);
  const lines = repeat(3, () => rng.shuffle(pairs)).flat().map(([key, value]): [string, string] =>
    backwards ? [`${value}:`, ` ${key}\n`] : [`${key}:`, ` ${value}\n`]
  );
  return [[pairs.map(([key, value]) => `${key}${mark}${value}`).join(", ") + "\n", ""], ...lines];
}

function counting(rng: Rng): Drill {
  const ring = rng.pick([WEEKDAYS, MONTHS]);
  return repeat(8, () => {
    const [at, by] = [rng.int(0, ring.length - 1), rng.pick([-2, -1, 1, 2, 3])];
    const target = ring[(at + by + ring.length) % ring.length];
    return [`${ring[at]} ${by > 0 ? "plus" : "minus"} ${Math.abs(by)}:`, ` ${target}\n`];
  });
}

function ordering(rng: Rng): Drill {
  const line = rng.chance(0.6) ? NUMBERS.slice(0, 40) : SORTABLE;
  return repeat(10, () => {
    const [a, b] = rng.sample(line, 2);
    return [`${a} ${b} first:`, ` ${line.indexOf(a) < line.indexOf(b) ? a : b}\n`];
  });
}

function kinds(rng: Rng): Drill {
  return repeat(10, () => {
    const [kind, words] = rng.pick(Object.entries(GROUPS));
    return [`${rng.pick(words)}:`, ` ${kind}\n`];
  });
}

function truth(rng: Rng): Drill {
  return repeat(8, () => {
    const [a, b] = [rng.chance(0.5), rng.chance(0.5)];
    if (rng.chance(0.3)) return [`not ${a}:`, ` ${!a}\n`];
    return rng.chance(0.5) ? [`${a} and ${b}:`, ` ${a && b}\n`] : [`${a} or ${b}:`, ` ${a || b}\n`];
  });
}

function turning(rng: Rng): Drill {
  return repeat(8, () => {
    const start = rng.int(0, 3);
    const [turn, by] = rng.pick(TURNS);
    return [`${DIRECTIONS[start]} ${turn}:`, ` ${DIRECTIONS[(start + by) % 4]}\n`];
  });
}

function wordPairs(rng: Rng): Drill {
  return repeat(8, () => {
    const [mark, pairs] = rng.pick([["not", OPPOSITES], ["like", SYNONYMS], ["rhyme", FAMILIES]]);
    const [word, other] = rng.sample(rng.pick(pairs as readonly (readonly string[])[]), 2);
    return [`${mark} ${word}:`, ` ${other}\n`];
  });
}

const DRILLS = [
  ...[copying, copying, copying, recall, recall, recall],
  ...[counting, ordering, ordering, kinds, truth, turning, wordPairs],
];

/** Long exercises in copying and looking up. */
export function longDrill(rng: Rng): Drill {
  return rng.pick([longCopy, longRecall])(rng);
}

/** Exercises of one kind, much denser than questions in sentences. */
export function drill(rng: Rng): Drill {
  return rng.pick(DRILLS)(rng);
}
