import assert from "node:assert/strict";
import { Registry } from "../../../adapters/registry/mod.ts";
import { BATCH_ROWS } from "./numbered_rows.ts";

const KILLS = 30;
const SCRIPT = new URL("commit_loop.ts", import.meta.url).pathname;

Deno.test("after kill -9 at any moment every acknowledged commit is there, and none in half", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/registry.db`;
  try {
    let committed = 0;
    let told = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      // Some die while they open the registry, most amid their commits.
      const acknowledged = await commitUntilKilled(path, { first: committed + 1, kill });
      told = acknowledged ?? told;
      committed = checkRegistry(path, { acknowledged: acknowledged ?? committed, told });
    }
    assert.ok(committed >= KILLS, `only ${committed} commits in ${KILLS} runs`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** The last number that the process printed before it was killed. */
async function commitUntilKilled(
  path: string,
  { first, kill }: { first: number; kill: number },
): Promise<number | null> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--cached-only",
      "--no-check",
      "--allow-read",
      "--allow-write",
      SCRIPT,
      path,
      `${first}`,
    ],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const decoder = new TextDecoder();
  let printed = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  const killLater = () => {
    timer ??= setTimeout(() => child.kill("SIGKILL"), Math.random() * 40);
  };
  // Every fifth dies at a random time from its start, whatever it does then.
  if (kill % 5 === 4) timer = setTimeout(() => child.kill("SIGKILL"), Math.random() * 400);
  for await (const chunk of child.stdout) {
    printed += decoder.decode(chunk, { stream: true });
    killLater();
  }
  const { signal } = await child.status;
  assert.equal(signal, "SIGKILL", "the process ended by itself");
  const numbers = printed.split("\n").slice(0, -1).map(Number);
  return numbers.at(-1) ?? null;
}

/**
 * The last commit that is there: the acknowledged one, or one of which the news was lost. The setting follows in a
 * commit of its own, so it may stand at what was last told.
 */
function checkRegistry(
  path: string,
  { acknowledged, told }: { acknowledged: number; told: number },
): number {
  using registry = Registry.open(path);
  const rows = registry.rows();
  const own = rows.filter(({ name }) => name.startsWith("own-")).map(({ version }) =>
    Number(version)
  );
  const last = Math.max(0, ...own);
  assert.ok(last === acknowledged || last === acknowledged + 1, `${last}, told ${acknowledged}`);
  assert.equal(own.length, last, "a commit in between is missing");
  const shared = rows.filter(({ name }) => name.startsWith("shared-"));
  assert.equal(shared.length, last === 0 ? 0 : BATCH_ROWS - 1);
  for (const { name, version } of shared) assert.equal(version, String(last), name);
  const setting = Number(registry.setting("latest") ?? 0);
  assert.ok(setting >= told && setting <= last, `setting ${setting}, told ${told}`);
  return last;
}
