import assert from "node:assert/strict";
import type { Origins } from "../../../adapters/origin.ts";
import { parseHubUrl } from "../../../adapters/sources/hf.ts";
import { createOrigins } from "../../../adapters/sources/origins.ts";
import { makeTar } from "../download/tar_builder.ts";
import { loopbackClient, noise, QUICK_RETRY } from "../download/support.ts";
import { object, truncated } from "../faults.ts";
import { HubServer } from "./hub_server.ts";
import { LIMITS, readText, SIGNAL } from "./support.ts";

const CONFIG = "adapter_config.json";
const WEIGHTS = "adapter_model.safetensors";
const TOKEN = "hf_SECRET";

async function withHub(
  body: (setup: { server: HubServer; origins: Origins }) => Promise<void>,
  { revision = "main" } = {},
): Promise<void> {
  await using server = new HubServer({ revision });
  using client = loopbackClient();
  const origins = createOrigins({
    client,
    limits: LIMITS,
    retry: QUICK_RETRY,
    fileRoots: [],
    trustedPaths: [],
    hf: { endpoint: `${server.endpoint}/`, token: TOKEN },
    openBucket: () => undefined,
    checkUrl: (url) => client.checkUrl(url),
  });
  await body({ server, origins });
}

function putAdapter(server: HubServer, folder = "", seed = 1): void {
  const base = folder === "" ? "" : `${folder}/`;
  server.put(`${base}${CONFIG}`, noise(50, seed));
  server.put(`${base}${WEIGHTS}`, noise(5000, seed));
}

Deno.test("an hf URL names a repository, a revision and a folder", () => {
  const cases: [string, string, string, string][] = [
    ["hf://owner/name", "owner/name", "main", ""],
    ["hf://owner/name/", "owner/name", "main", ""],
    ["hf://Owner/na.me_2@v1.0/a/b/", "Owner/na.me_2", "v1.0", "a/b"],
    ["hf://owner/name@refs%2Fpr%2F1/a", "owner/name", "refs/pr/1", "a"],
    ["hf://owner/name@refs/pr/1/a%20b", "owner/name", "refs/pr/1", "a b"],
  ];
  for (const [text, repo, revision, path] of cases) {
    assert.deepEqual(parseHubUrl(new URL(text)), { repo, revision, path });
  }
  for (
    const text of ["hf://owner", "hf://owner/", "hf://owner/@main", "hf://o/n?x=1", "hf://-o/n"]
  ) {
    assert.throws(() => parseHubUrl(new URL(text)), { reason: "bad_url" }, text);
  }
  for (
    const text of [
      "hf://owner/name@..",
      "hf://owner/name@%2e%2e/a",
      "hf://owner/name@main/a%2f..%2f..%2f..%2fapi",
      "hf://owner/name/%2e%2e%2fother",
      "hf://owner/name/a%2f%2e",
    ]
  ) {
    assert.throws(() => parseHubUrl(new URL(text)), { reason: "path_not_allowed" }, text);
  }
});

Deno.test("a folder on the hub is read, and its version is what the hub lists", async () => {
  await withHub(async ({ server, origins }) => {
    putAdapter(server, "sql");
    const source = origins.adapter("hf://owner/name/sql");
    const read = await readText(source);
    assert.match(read!.version, /^"[0-9a-f]{40}" "[0-9a-f]{64}"$/);
    const before = server.hub.requests.length;
    assert.equal(await readText(source, { unless: read!.version }), null);
    // The folder has two pages; no file was asked for.
    assert.equal(server.hub.requests.length, before + 2);
    putAdapter(server, "sql", 2);
    assert.notEqual((await readText(source, { unless: read!.version }))?.version, read!.version);
  });
});

Deno.test("the token goes to the hub with every request, and nowhere else", async () => {
  await withHub(async ({ server, origins }) => {
    putAdapter(server);
    await readText(origins.adapter("hf://owner/name"));
    const told = ({ headers }: { headers: Headers }) => headers.get("authorization");
    assert(server.hub.requests.every((request) => told(request) === `Bearer ${TOKEN}`));
    assert(server.content.requests.length > 0);
    assert(server.content.requests.every((request) => told(request) === null));
  });
});

Deno.test("a listing never goes on at another host", async () => {
  await withHub(async ({ server, origins }) => {
    const elsewhere = server.content.url("/api").href;
    server.hub.paths.set(
      "/api/models/owner/name/tree/main",
      (exchange) => exchange.answer(200, { link: `<${elsewhere}>; rel="next"` }, "[]"),
    );
    await assert.rejects(readText(origins.adapter("hf://owner/name")), { reason: "bad_response" });
    assert.equal(server.content.requests.length, 0);
  });
});

Deno.test("a revision with a slash, and a broken connection of the content's own host", async () => {
  await withHub(async ({ server, origins }) => {
    putAdapter(server);
    const weights = noise(5000);
    server.content.paths.set(`/content/${WEIGHTS}`, truncated(weights, { afterBytes: 2000 }));
    const read = await readText(origins.adapter("hf://owner/name@refs/pr/1"));
    assert.match(read!.version, / "[0-9a-f]{64}"$/);
    const ranges = server.content.requests.map(({ headers }) => headers.get("range"));
    assert.deepEqual(ranges, [null, "bytes=2000-", "bytes=4000-"]);
  }, { revision: "refs/pr/1" });
});

Deno.test("content other than the listed one is refused", async () => {
  await withHub(async ({ server, origins }) => {
    putAdapter(server);
    server.content.paths.set(`/content/${WEIGHTS}`, object(noise(5000, 9)));
    await assert.rejects(readText(origins.adapter("hf://owner/name")), {
      reason: "content_changed",
    });
    assert.equal(server.content.requests.length, 3);
  });
});

Deno.test("what is missing on the hub is told apart", async () => {
  await withHub(async ({ server, origins }) => {
    server.put(`half/${CONFIG}`, noise(50));
    server.put(`pickled/${CONFIG}`, noise(50));
    server.put("pickled/adapter_model.bin", noise(5000));
    const cases: [string, string][] = [
      ["hf://owner/name/half", "missing_file"],
      ["hf://owner/name/pickled", "pickle_not_allowed"],
      ["hf://owner/name/absent", "origin_not_found"],
      ["hf://owner/name/half/a.zip", "origin_not_found"],
    ];
    for (const [url, reason] of cases) {
      await assert.rejects(readText(origins.adapter(url)), { reason }, url);
    }
    server.hub.paths.set(
      "/api/models/owner/name/tree/main",
      (exchange) => exchange.answer(200, {}, JSON.stringify([{ type: "file", path: "a" }])),
    );
    await assert.rejects(readText(origins.adapter("hf://owner/name")), { reason: "bad_response" });
  });
});

Deno.test("a repository of many adapters is a catalogue; its versions are those that reading tells", async () => {
  await withHub(async ({ server, origins }) => {
    putAdapter(server, "", 1);
    putAdapter(server, "a/sql", 2);
    server.put("packed.tar", makeTar([{ name: CONFIG, data: "c" }, { name: WEIGHTS, data: "w" }]));
    const found = await origins.catalogue("hf://owner/name").list(SIGNAL);
    assert.deepEqual(found.map(({ name, url }) => [name, url]), [
      ["name", "hf://owner/name"],
      ["packed", "hf://owner/name/packed.tar"],
      ["sql", "hf://owner/name/a/sql"],
    ]);
    for (const { url, source, version } of found) {
      assert.equal((await readText(source))?.version, version, url);
      assert.equal(await readText(origins.adapter(url), { unless: version }), null);
    }
    const below = await origins.catalogue("hf://owner/name@main/a/").list(SIGNAL);
    assert.deepEqual(below.map(({ url }) => url), ["hf://owner/name@main/a/sql"]);
  });
});
