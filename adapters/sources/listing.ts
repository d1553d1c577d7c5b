import { ADAPTER_NAME } from "../name.ts";
import type { ListedAdapter } from "../origin.ts";
import { CONFIG_FILE, PICKLE_FILE, WEIGHTS_FILE } from "../peft/mod.ts";

/** What makes a directory an adapter, be it an incomplete one. */
export const MARKS: readonly string[] = [CONFIG_FILE, WEIGHTS_FILE, PICKLE_FILE];

export type Report = (problem: string) => void;

/** Those whose names are ADAPTER_NAMEs and occur once, sorted by name; the others are reported. */
export function withGoodNames(found: readonly ListedAdapter[], report?: Report): ListedAdapter[] {
  const groups = Map.groupBy(found, ({ name }) => name);
  const good: ListedAdapter[] = [];
  for (const [name, adapters] of groups) {
    const places = placesOf(adapters);
    if (!ADAPTER_NAME.test(name)) {
      report?.(
        `${places} is left out: its name must be 1 to 128 letters, digits, dots, underscores or hyphens`,
      );
    } else if (adapters.length > 1) {
      report?.(`Adapter ${JSON.stringify(name)} is left out: its name occurs twice, ${places}`);
    } else good.push(adapters[0]);
  }
  return good.sort((a, b) => a.name < b.name ? -1 : 1);
}

/** The first few: a listing may hold thousands of one name. */
function placesOf(adapters: readonly ListedAdapter[]): string {
  const places = adapters.map(({ source }) => source.location).sort();
  const more = places.length > 3 ? ` and ${places.length - 3} more` : "";
  return places.slice(0, 3).join(" and ") + more;
}
