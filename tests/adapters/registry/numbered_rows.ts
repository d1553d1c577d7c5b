import type { RegistryRow } from "../../../adapters/registry/mod.ts";
import { registryRow } from "./rows.ts";

/** How many rows one commit writes: enough to span pages, so that half a commit would show. */
export const BATCH_ROWS = 24;

/** Each batch rewrites the same names and adds one of its own. */
export function batchOf(number: number): RegistryRow[] {
  const version = String(number);
  const shared = Array.from(
    { length: BATCH_ROWS - 1 },
    (_, index) =>
      registryRow({ name: `shared-${index}`, version, url: `s3://b/${"x".repeat(200)}` }),
  );
  return [...shared, registryRow({ name: `own-${number}`, version })];
}
