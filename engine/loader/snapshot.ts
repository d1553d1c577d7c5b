import { join } from "node:path";
import { readJsonFile } from "./json_file.ts";

/** One model at one commit. */
interface SnapshotId {
  /** `owner/name`. */
  repo: string;
  commit: string;
}

/** Written last: a snapshot with it is complete. */
const COMPLETE = ".complete.json";

/** Where the cache keeps a model's files. */
export function snapshotPath(cacheDir: string, { repo, commit }: SnapshotId): string {
  return join(cacheDir, repo.replace("/", "--"), commit);
}

export async function isComplete(snapshot: string): Promise<boolean> {
  return await readJsonFile(join(snapshot, COMPLETE)) !== undefined;
}

export async function markComplete(snapshot: string, id: SnapshotId): Promise<void> {
  await Deno.writeTextFile(join(snapshot, COMPLETE), `${JSON.stringify(id)}\n`);
}
