import type { BenchContext } from "../context.ts";
import type { SeriesGroup } from "../series.ts";
import { fetchGroup } from "./fetching.ts";
import { firstTokenGroup } from "./first_token.ts";
import { namesGroup } from "./names.ts";
import type { Subject } from "./subject.ts";
import { swapGroup } from "./swaps.ts";

/** Rank 4 on q and v. */
const SMALL: Subject = { name: "small", adapter: "antonyms" };
/** Rank 64 on all seven projections. */
const LARGE: Subject = { name: "large", adapter: "joint" };

/** What adapters by URL cost: fetched, brought up the tiers, swapped, kept by the thousand. */
export function adapterGroups(context: BenchContext): SeriesGroup[] {
  return [
    firstTokenGroup(context, [SMALL, LARGE]),
    swapGroup(context, [SMALL, LARGE]),
    fetchGroup(SMALL),
    namesGroup(context),
  ];
}
