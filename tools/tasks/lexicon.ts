/** Words that all tasks share, so that no single word gives a task away. */

export const NAMES = (
  "Ana Ben Cleo Dan Eva Finn Gia Hugo Iris Jack Kira Leo Mia Noah Olga Paul Rosa Sam Tara Viktor"
).split(" ");

export const OBJECTS =
  ("ball book cup key lamp hat pen bag coin box ring clock plate spoon chair kite")
    .split(" ");

export const ANIMALS =
  ("cat dog horse cow sheep goat mouse fox wolf bear duck goose lion frog bird fish")
    .split(" ");

export const FRUITS = "apple pear plum grape lemon peach melon cherry banana fig".split(" ");

export const COLOURS = "red blue green yellow black white brown pink purple grey".split(" ");

export const CITIES = "Paris Rome Oslo Lima Cairo Delhi Tokyo Berlin Madrid Dublin".split(" ");

export const PLACES = ("market park school library garden kitchen station harbour museum forest")
  .split(" ");

export const JOBS = ("baker teacher doctor farmer painter driver singer nurse pilot cook").split(
  " ",
);

export const WEEKDAYS = ("Monday Tuesday Wednesday Thursday Friday Saturday Sunday").split(" ");

export const MONTHS =
  ("January February March April May June July August September October November December")
    .split(" ");

/** Groups of like things, for tasks about kinds. */
export const GROUPS: Record<string, readonly string[]> = {
  animals: ANIMALS,
  fruits: FRUITS,
  colours: COLOURS,
  cities: CITIES,
  jobs: JOBS,
  objects: OBJECTS,
};

/** Pairs of opposites. */
export const OPPOSITES: readonly (readonly [string, string])[] = (
  "hot cold|big small|old young|fast slow|wet dry|rich poor|happy sad|light heavy|loud quiet|" +
  "open closed|early late|full empty|hard soft|strong weak|clean dirty|high low|long short|" +
  "near far|right wrong|true false|cheap dear|brave afraid|thick thin|wide narrow|sweet bitter|" +
  "safe dangerous|sharp blunt|deep shallow|smooth rough|tidy messy"
).split("|").map((pair) => pair.split(" ") as [string, string]);

/** Pairs that mean nearly the same; their first words are also in `OPPOSITES`. */
export const SYNONYMS: readonly (readonly [string, string])[] = (
  "hot burning|cold icy|big large|small little|old ancient|fast quick|wet damp|rich wealthy|" +
  "happy glad|sad unhappy|loud noisy|quiet silent|closed shut|hard firm|strong mighty|" +
  "weak feeble|clean spotless|dirty filthy|high tall|near close|far distant|right correct|" +
  "wrong mistaken|brave bold|afraid scared|wide broad|safe secure|tidy neat|empty vacant|cheap budget"
).split("|").map((pair) => pair.split(" ") as [string, string]);

/** "a cup", "an apple". */
export function withArticle(noun: string): string {
  return (/^[aeiou]/.test(noun) ? "an " : "a ") + noun;
}

/** "a", "a and b", "a, b and c". */
export function joinAnd(items: readonly string[]): string {
  if (items.length < 2) return items.join("");
  return items.slice(0, -1).join(", ") + " and " + items[items.length - 1];
}
