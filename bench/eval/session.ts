import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { WeftError } from "../../engine/core/errors.ts";
import { type AnswerRow, keyOfAnswer } from "./answers.ts";
import type { EvalOptions } from "./options.ts";
import { keyOfRoute, type RouteRow } from "./routes.ts";
import { RowFile } from "./rows.ts";
import { keyOfRound, type RoundRow } from "./timing/rounds.ts";

/** A router that is evaluated: its place in the list is its seed. */
export interface RouterFile {
  /** For people and results. */
  name: string;
  /** Null: the server's own. */
  path: string | null;
  /** SHA-256 (hex) of the file, or "default". */
  generation: string;
}

/** What a run keeps on the disk, so that it can be broken off. */
export interface Session {
  routers: readonly RouterFile[];
  answers: RowFile<AnswerRow>;
  routes: RowFile<RouteRow>;
  rounds: RowFile<RoundRow>;
}

/**
 * Opens what an earlier run has left, or begins anew. Rows hold the routers' places only, so the
 * list may grow, but those that were asked may not change.
 *
 * @throws {WeftError} `conflict` where the earlier run had other routers.
 */
export async function openSession(
  { directory, isFresh, routers: paths }: Pick<EvalOptions, "directory" | "isFresh" | "routers">,
): Promise<Session> {
  const rows = await openRows(directory);
  const listPath = join(directory, "routers.json");
  const earlier = await readList(listPath);
  const routers = paths.length > 0 ? await Promise.all(paths.map(describe)) : [{
    name: "default",
    path: null,
    generation: "default",
  }];
  if (isFresh) {
    await Promise.all([rows.answers.clear(), rows.routes.clear(), rows.rounds.clear()]);
  }
  for (const seed of usedSeeds(rows)) checkSame(seed, earlier[seed], routers[seed]);
  await mkdir(directory, { recursive: true });
  await writeFile(listPath, JSON.stringify(routers));
  return { routers, ...rows };
}

/** Opens what a run has left, to score it. @throws {WeftError} `not_found` where there was none. */
export async function readSession(directory: string): Promise<Session> {
  const routers = await readList(join(directory, "routers.json"));
  if (routers.length === 0) {
    throw new WeftError("not_found", `Cannot score "${directory}": no run has written there`);
  }
  return { routers, ...await openRows(directory) };
}

async function openRows(directory: string): Promise<Omit<Session, "routers">> {
  return {
    answers: await RowFile.open<AnswerRow>(join(directory, "answers.jsonl"), keyOfAnswer),
    routes: await RowFile.open<RouteRow>(join(directory, "routes.jsonl"), keyOfRoute),
    rounds: await RowFile.open<RoundRow>(join(directory, "rounds.jsonl"), keyOfRound),
  };
}

/** The routers that something was asked of. */
function usedSeeds({ answers, routes, rounds }: Omit<Session, "routers">): Set<number> {
  const seeds = [...answers.rows(), ...routes.rows()].map(({ seed }) => seed);
  // Times are taken with the first router.
  const isTimed = rounds.rows().some(({ sentences }) => sentences > 0);
  return new Set([...seeds, isTimed ? 0 : null].filter((seed) => seed !== null));
}

async function readList(path: string): Promise<RouterFile[]> {
  const text = await readFile(path, "utf8").catch((error) => {
    if (error.code !== "ENOENT") throw error;
    return "[]";
  });
  return JSON.parse(text);
}

async function describe(path: string): Promise<RouterFile> {
  const generation = createHash("sha256").update(await readFile(path)).digest("hex");
  return { name: basename(path), path, generation };
}

function checkSame(seed: number, old: RouterFile, now: RouterFile | undefined): void {
  if (old.generation === now?.generation) return;
  throw new WeftError(
    "conflict",
    `Cannot go on with what was asked earlier: router ${seed} was "${old.name}" ` +
      `(${old.generation.slice(0, 12)}) and is ` +
      (now === undefined ? "missing" : `"${now.name}" (${now.generation.slice(0, 12)})`) +
      "; --fresh starts over, --dir takes another place",
  );
}
