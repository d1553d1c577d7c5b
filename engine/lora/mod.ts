export type { Place } from "./pool.ts";
export { type RankRows, rankRows, rowsNeeded } from "./rank_rows.ts";
export {
  type JointPlan,
  type Plan,
  ResidentAdapters,
  type ResidentRequest,
} from "./resident_adapters.ts";
