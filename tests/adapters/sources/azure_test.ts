import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { type AzureCredentials, AzureStore } from "../../../adapters/sources/azure.ts";
import { type AzuriteService, startAzurite } from "../../services/azurite.ts";
import { Asker, ODD_KEYS } from "./ask.ts";

const PRIVATE = "adapters";
const PUBLIC = "public-adapters";
/** A backslash in a blob's name is a slash to Azure. */
const KEYS = ODD_KEYS.map((key) => key.replace("\\", ""));
let azurite: AzuriteService;

Deno.test.beforeAll(async () => {
  azurite = await startAzurite();
  await azurite.createContainer(PRIVATE);
  await azurite.createContainer(PUBLIC, { isPublic: true });
  for (const key of KEYS) await azurite.put(PRIVATE, key, `content of ${key}`);
  await azurite.put(PUBLIC, "a b+c", "for all");
  for (let i = 0; i < 25; i++) {
    await azurite.put(PRIVATE, `many/${String(i).padStart(2, "0")}`, "x");
  }
});

Deno.test.afterAll(() => azurite.stop());

interface StoreOptions {
  container?: string;
  pageSize?: number;
}

function storeOf(
  asker: Asker,
  credentials: AzureCredentials,
  { container = PRIVATE, pageSize }: StoreOptions = {},
): AzureStore {
  const endpoint = new URL(azurite.endpoint);
  const { downloader } = asker;
  return new AzureStore({ container, endpoint, credentials, downloader, pageSize });
}

function sharedKey(): AzureCredentials {
  return { kind: "key", account: azurite.account, key: azurite.key };
}

const KINDS = {
  "a shared key": sharedKey,
  "a shared access signature": (): AzureCredentials => ({
    kind: "sas",
    token: azurite.sas(PRIVATE),
  }),
};

for (const [name, credentials] of Object.entries(KINDS)) {
  Deno.test(`${name}: odd keys are listed and read as they are`, async () => {
    using asker = new Asker();
    const store = storeOf(asker, credentials());
    const listed = await asker.list(store, "odd/");
    assert.deepEqual(listed.map(({ key }) => key).toSorted(), KEYS.toSorted());
    for (const { key, size, etag } of listed) {
      const { status, text, headers } = await asker.get(store, key);
      assert.equal(status, 200, key);
      assert.equal(text, `content of ${key}`);
      assert.equal(headers.get("etag"), etag);
      assert.equal(new TextEncoder().encode(text).byteLength, size);
    }
  });

  Deno.test(`${name}: ranges and conditions`, async () => {
    using asker = new Asker();
    const store = storeOf(asker, credentials());
    const key = KEYS[0];
    const whole = await asker.get(store, key);
    const etag = whole.headers.get("etag")!;

    const rest = await asker.get(store, key, { range: "bytes=8-", "if-match": etag });
    assert.deepEqual([rest.status, rest.text], [206, whole.text.slice(8)]);
    const same = await asker.get(store, key, { "if-none-match": etag });
    assert.deepEqual([same.status, same.text], [304, ""]);
    const other = '"0x000000000000000"';
    assert.equal((await asker.get(store, key, { "if-none-match": other })).status, 200);
    assert.equal((await asker.get(store, key, { "if-match": other })).status, 412);
    assert.equal((await asker.get(store, "odd/absent")).status, 404);
  });

  Deno.test(`${name}: a listing goes on from page to page`, async () => {
    using asker = new Asker();
    const listed = await asker.list(storeOf(asker, credentials(), { pageSize: 7 }), "many/");
    assert.deepEqual(
      listed.map(({ key }) => key),
      Array.from({ length: 25 }, (_, i) => `many/${String(i).padStart(2, "0")}`),
    );
    assert.deepEqual(await asker.list(storeOf(asker, credentials()), "many/2"), listed.slice(20));
    assert.deepEqual(await asker.list(storeOf(asker, credentials()), "nothing/"), []);
  });
}

Deno.test("a public container is read and listed anonymously, a private one is not", async () => {
  using asker = new Asker();
  const open = storeOf(asker, { kind: "anonymous" }, { container: PUBLIC });
  assert.equal((await open.request("a b+c", {})).credentials, undefined);
  assert.deepEqual((await asker.list(open, "")).map(({ key }) => key), ["a b+c"]);
  assert.equal((await asker.get(open, "a b+c")).text, "for all");

  const closed = storeOf(asker, { kind: "anonymous" });
  assert((await asker.get(closed, KEYS[0])).status >= 400);
  await assert.rejects(asker.list(closed, ""), { reason: "origin_unauthorized" });
});

Deno.test("a wrong key and a signature that is wrong, too narrow or too old are refused", async () => {
  using asker = new Asker();
  const { account } = azurite;
  const good = azurite.sas(PRIVATE);
  const refused: AzureCredentials[] = [
    { kind: "key", account, key: randomBytes(64).toString("base64") },
    { kind: "sas", token: good.replace(/sig=.../, "sig=AAA") },
    { kind: "sas", token: azurite.sas(PRIVATE, { expires: "2020-01-01T00:00:00Z" }) },
    { kind: "sas", token: azurite.sas(PUBLIC) },
  ];
  for (const credentials of refused) {
    const store = storeOf(asker, credentials);
    assert.equal((await asker.get(store, KEYS[0])).status, 403);
    await assert.rejects(asker.list(store, ""), (error: Error & { reason?: string }) => {
      assert.equal(error.reason, "origin_unauthorized");
      assert.equal(error.message, `az://${PRIVATE}/ was refused by its origin (403)`);
      return true;
    });
  }
  const readOnly = storeOf(asker, {
    kind: "sas",
    token: azurite.sas(PRIVATE, { permissions: "r" }),
  });
  assert.equal((await asker.get(readOnly, KEYS[0])).status, 200);
  await assert.rejects(asker.list(readOnly, ""), { reason: "origin_unauthorized" });
});
