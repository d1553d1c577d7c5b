import { ask } from "../ask.ts";
import type { Json } from "../client.ts";
import { Progress } from "../progress.ts";
import type { RowFile } from "../rows.ts";
import { describeServer, EvalServer, loadRouter, routerFlags } from "../server.ts";
import { AdapterFolder } from "./adapters.ts";
import type { TimedPrompts } from "./prompts.ts";
import { keyOfRound, type RoundRow } from "./rounds.ts";
import { type TimedServer, timeSeries } from "./series.ts";
import { type Turn, turnsOf } from "./turns.ts";

export { TimedPrompts } from "./prompts.ts";
export { keyOfRound, type RoundRow } from "./rounds.ts";
export { scoreTiming } from "./score.ts";

/** Pools of the same size at every server, so that only what is in them differs. */
const PLACES = "128";

/**
 * Takes the time of answers with different numbers of adapters: a server for each number, all there at once, and the series in
 * turns, so that a machine that slows down slows them all.
 *
 * @returns The device's name; null where all was kept already.
 */
export async function collectTiming(
  { counts, rounds, prompts, router, methods, kept, directory }: {
    counts: readonly number[];
    rounds: number;
    prompts: TimedPrompts;
    /** Null: the server's own. */
    router: string | null;
    /** Null: all. */
    methods: readonly string[] | null;
    kept: RowFile<RoundRow>;
    /** Where the copies of adapters go meanwhile. */
    directory: string;
  },
): Promise<string | null> {
  const turns = turnsOf({ counts, rounds, methods }).map((turn, i) => ({ ...turn, salt: i + 1 }))
    .filter((turn) => turn.round === 0 || !kept.has(keyOfRound(keyFields(turn))));
  if (turns.every(({ round }) => round === 0)) return null;
  const isRouted = turns.some(({ method }) => method.isRouted);
  await using open = new AsyncDisposableStack();
  const servers = new Map<number, TimedServer>();
  for (const count of counts) {
    const folder = open.use(await AdapterFolder.create(directory, count));
    servers.set(count, await startTimed(open, { folder, router: isRouted ? router : null }));
  }
  const progress = new Progress("timing, series", { total: turns.length });
  for (const { salt, ...turn } of turns) {
    const server = servers.get(turn.count)!;
    const samples = prompts.of(turn, server.adapters);
    const time = await timeSeries(server, { turn, samples, salt });
    progress.step();
    if (turn.round === 0) continue;
    const { resident } = server;
    await kept.append({ ...keyFields(turn), resident, answers: turn.answers, ...time });
  }
  return servers.get(counts[0])!.gpu;
}

function keyFields(
  { prompts, count, concurrency, method, round }: Turn,
): Pick<RoundRow, "prompts" | "adapters" | "concurrency" | "method" | "round"> {
  return { prompts, adapters: count, concurrency, method: method.name, round };
}

/** A server with a folder's adapters, each of them brought to the GPU by a request. */
async function startTimed(
  open: AsyncDisposableStack,
  { folder, router }: { folder: AdapterFolder; router: string | null },
): Promise<TimedServer> {
  const paths = router === null ? [] : [router];
  const flags = ["--adapters", folder.path, "--max-adapters", PLACES, ...routerFlags(paths)];
  const { client } = open.use(await EvalServer.start(flags));
  for (const path of paths) await loadRouter(client, path);
  const { base, gpu } = await describeServer(client);
  const messages = [{ role: "user", content: "Hello" }];
  for (const model of folder.names) {
    await ask(client, { messages, fields: { model }, forceTokens: 1 });
  }
  const { data } = await client.get("/v1/adapters");
  const resident = data.filter(({ level }: Json) => level === "gpu").length;
  return { client, base, gpu, adapters: folder.names, resident };
}
