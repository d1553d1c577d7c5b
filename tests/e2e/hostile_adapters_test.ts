/**
 * Everything that may be wrong with an adapter, its URL or its origin, brought to a real server while others use
 * it: each gets its typed error, nobody else notices, and nothing stays.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DiskCache } from "../../adapters/disk/mod.ts";
import { parsePeftAdapter } from "../../adapters/peft/mod.ts";
import { Registry } from "../../adapters/registry/mod.ts";
import { readModelConfig } from "../../engine/mod.ts";
import { demoContents } from "./adapter_origin.ts";
import { badArchives, goodArchives, MAX_DOWNLOAD } from "./hostile/archives.ts";
import { Bystanders } from "./hostile/bystanders.ts";
import {
  ask,
  assertHarmless,
  assertRefused,
  each,
  type HostileCase,
  newName,
  put,
  SECRET,
  statusOf,
} from "./hostile/cases.ts";
import { aimed, type Mutant, randomMutants } from "./hostile/mutations.ts";
import { HostileOrigins } from "./hostile/origins.ts";
import { hostilePaths } from "./hostile/paths.ts";
import { BAD_REQUESTS, type BadRequest, send } from "./hostile/requests.ts";
import { URL_FLAGS, URLS } from "./hostile/urls.ts";
import { chatBody, stream } from "./requests.ts";
import { type Json, rssMib, stepsOf, type TestServer, withServer } from "./server_process.ts";

const AT_ONCE = 4;
const SEED = 20_260;
const MUTANTS = 120;
/** What memory may keep of it all: allocators and JIT, not the gigabyte that came. */
const MAX_GROWTH_MIB = 400;
const MODEL = await readModelConfig("models/demo");
const MAX_RANK = 64;
const ADAPTER = "antonyms";

Deno.test("hostile adapters, URLs, origins and orders leave the server and the others as they were", async (t) => {
  const step = stepsOf(t);
  await using origins = new HostileOrigins();
  const content = demoContents().get(ADAPTER)!;
  const stateDir = await Deno.makeTempDir();
  const root = await Deno.makeTempDir();
  const flags = [
    ...URL_FLAGS,
    ...origins.flags,
    ...["--adapter-max-download", String(MAX_DOWNLOAD), "--adapter-root", root],
    ...["--adapter-timeout", "12", "--adapter-fetches", "64", "--allow-request-urls"],
  ];
  let log = "";
  try {
    // What a check let through by mistake would still be dialled by nobody.
    await withServer({ flags, stateDir, allowNet: "127.0.0.1,localhost,[::1]" }, async (server) => {
      const { body: good } = await put(server, {
        name: "good",
        url: origins.place("good", content),
      });
      const before = await registered(server);
      const bystanders = await Bystanders.start(server, ["good", "word_sorting", server.base]);
      const memory = await rssMib(server);
      const refused = (hostile: HostileCase) => assertRefused(server, hostile);

      // They wait for the most part, so the others go on meanwhile.
      const faults = origins.faults(content);
      const faulty = each(faults, { atOnce: faults.length, check: refused });
      faulty.catch(() => {});

      await step(
        `${URLS.length} URLs that lead where nothing may go`,
        () => each(URLS, { atOnce: AT_ONCE, check: refused }),
      );
      await step(
        `${BAD_REQUESTS.length} orders that are wrong in themselves`,
        () =>
          each(BAD_REQUESTS, {
            atOnce: AT_ONCE,
            check: (request) => assertBadRequest(server, request),
          }),
      );
      await step("paths of this machine that lead elsewhere", async () => {
        await each(await hostilePaths(root), { atOnce: 1, check: refused });
      });
      await step("content other than the one that was ordered", async () => {
        const sha256 = "0".repeat(64);
        const url = origins.plain.url("/good").href;
        await refused({ what: "another's", url, sha256, code: "sha256_mismatch" });
      });
      const archives = badArchives(origins.plain);
      await step(
        `${archives.length} archives that were made to do harm`,
        () => each(archives, { atOnce: AT_ONCE, check: refused }),
      );
      await step("the same URLs in requests", async () => {
        const some = [...URLS, ...archives].filter((_, i) => i % 3 === 0);
        await each(some, { atOnce: AT_ONCE, check: (one) => assertRefusedInRequest(server, one) });
        assert.equal((await askWith(server, origins.plain.url("/good").href)).status, 200);
      });
      await step(
        "good archives, and a connection that breaks and goes on, are no harm",
        async () => {
          for (const url of [...goodArchives(origins.plain, content), origins.resumable(content)]) {
            const { generation } = await assertAccepted(server, url);
            assert.equal(generation, good.generation, url);
          }
        },
      );
      const { dtype } = await (await fetch(`${server.url}/health`)).json();
      const check = async (mutant: Mutant) => {
        const { what, mayBeValid } = mutant;
        const url = origins.place(newName(), mutant);
        if (mayBeValid && await isValid(mutant, dtype)) await assertAccepted(server, url);
        else await assertRefused(server, { what, url, code: "bad_adapter" });
      };
      const broken = aimed(content);
      await step(
        `${broken.length} adapters that break a rule`,
        () => each(broken, { atOnce: AT_ONCE, check }),
      );
      await step(
        `${MUTANTS} adapters damaged at random`,
        () =>
          each(randomMutants(content, { count: MUTANTS, seed: SEED }), { atOnce: AT_ONCE, check }),
      );
      await step(`${faults.length} faults of origins`, () => faulty);

      await step("the others never noticed", async () => {
        const answers = await bystanders.stop();
        console.log(`      ${answers} answers`);
        assert.ok(answers > 20, `only ${answers} answers`);
        assert.deepEqual(await registered(server), before);
        await server.until((metrics) => metrics.get("weft_adapter_leases") === 0);
      });
      await step("memory is as it was", async () => {
        const growth = await rssMib(server) - memory;
        console.log(`      ${growth} MiB more than before`);
        assert.ok(growth < MAX_GROWTH_MIB, `memory grew by ${growth} MiB`);
      });
      log = `${server.process.stdout}\n${server.process.stderr}`;
    });
    await step("the log tells no secret", async () => {
      await Promise.resolve();
      assert.ok(!log.includes(SECRET));
    });
    await step("nothing of it is left in the state directory", () => assertState(stateDir));
  } finally {
    for (const path of [stateDir, root]) await Deno.remove(path, { recursive: true });
  }
});

/** What is registered, and what it stands for. */
async function registered(
  server: TestServer,
): Promise<[name: string, generation: string | null][]> {
  const { data } = await (await fetch(`${server.url}/v1/adapters`)).json();
  return data.map(({ name, generation }: Json) => [name, name === "good" ? generation : null]);
}

async function assertBadRequest(server: TestServer, request: BadRequest): Promise<void> {
  const { what, status, code } = request;
  const got = await send(server.url, request);
  assert.deepEqual(
    [got.status, JSON.parse(got.answer).error?.code],
    [status, code],
    `${what}: ${got.answer}`,
  );
  assertHarmless(got.answer, what);
}

/** A request that names an adapter by its URL. */
async function askWith(server: TestServer, url: string): Promise<{ status: number; body: Json }> {
  const fields = { lora: [{ url, scale: 1 }], max_tokens: 2 };
  const response = await server.post("/v1/chat/completions", { ...chatBody(server), ...fields });
  return { status: response.status, body: await response.json() };
}

async function assertRefusedInRequest(server: TestServer, hostile: HostileCase): Promise<void> {
  const { what, url, code } = hostile;
  const { status, body } = await askWith(server, url);
  assert.deepEqual(
    [status, body.error?.code],
    [statusOf(code), code],
    `${what}: ${JSON.stringify(body)}`,
  );
  assertHarmless(body, what);
}

/** Ordered, used and deleted again. What overflows says so. */
async function assertAccepted(server: TestServer, url: string): Promise<Json> {
  const name = newName();
  const { status, body } = await put(server, { name, url });
  assert.equal(status, 201, `${url}: ${JSON.stringify(body)}`);
  await stream(server, { model: name, max_tokens: 2 }).catch((error) => {
    assert.match(error.message, /logits are not numbers/, url);
  });
  assert.equal((await ask(server, "DELETE", name)).status, 204);
  return body;
}

/** Whether a server should take it, as its own parser says. */
function isValid(mutant: Mutant, dtype: "f16" | "f32"): Promise<boolean> {
  return parsePeftAdapter(mutant, { model: MODEL, maxRank: MAX_RANK, dtype }).then(
    () => true,
    () => false,
  );
}

/** The disk, the registry and their books, once the server has ended. */
async function assertState(stateDir: string): Promise<void> {
  const directory = join(stateDir, "adapters");
  assert.deepEqual([...Deno.readDirSync(join(directory, "incoming"))], []);
  const disk = await DiskCache.open({ directory, maxBytes: 2 ** 30 });
  disk.checkIntegrity();
  using registry = Registry.open(join(stateDir, "adapters.sqlite"));
  const rows = registry.rows();
  assert.deepEqual(rows.filter(({ owner }) => owner === "api").map(({ name }) => name), ["good"]);
  assert.deepEqual(rows.filter(({ deleted }) => deleted), []);
  assert.equal(disk.stats().adapters, 1);
}
