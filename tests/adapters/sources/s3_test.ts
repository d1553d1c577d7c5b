import assert from "node:assert/strict";
import { createBuckets } from "../../../adapters/sources/buckets.ts";
import { ObjectStorageConfig } from "../../../adapters/sources/object_storage_config.ts";
import { type Addressing, S3Store } from "../../../adapters/sources/s3.ts";
import { type AccessKey, anonymous, sigv4 } from "../../../adapters/sources/sigv4.ts";
import { type S3Service, startS3 } from "../../services/s3.ts";
import { Asker, ODD_KEYS } from "./ask.ts";

const BUCKET = "adapters";
let s3: S3Service;

Deno.test.beforeAll(async () => {
  s3 = await startS3();
  await s3.createBucket(BUCKET);
  for (const key of ODD_KEYS) await s3.put(BUCKET, key, `content of ${key}`);
  for (let i = 0; i < 25; i++) await s3.put(BUCKET, `many/${String(i).padStart(2, "0")}`, "x");
});

Deno.test.afterAll(() => s3.stop());

interface StoreOptions {
  key?: Partial<AccessKey>;
  addressing?: Addressing;
  region?: string;
  pageSize?: number;
}

function storeOf(asker: Asker, options: StoreOptions = {}): S3Store {
  const { addressing = "path", region = s3.region, key, pageSize } = options;
  const { accessKeyId, secretAccessKey } = s3;
  return new S3Store({
    scheme: "s3",
    bucket: BUCKET,
    endpoint: new URL(addressing === "path" ? s3.endpoint : s3.virtualEndpoint),
    addressing,
    sign: sigv4({ accessKeyId, secretAccessKey, ...key }, { region }),
    downloader: asker.downloader,
    pageSize,
  });
}

for (const addressing of ["path", "virtual"] as const) {
  Deno.test(`odd keys are listed and read as they are, ${addressing} style`, async () => {
    using asker = new Asker();
    const store = storeOf(asker, { addressing });
    const listed = await asker.list(store, "odd/");
    assert.deepEqual(listed.map(({ key }) => key).toSorted(), ODD_KEYS.toSorted());
    for (const { key, size, etag } of listed) {
      const { status, text, headers } = await asker.get(store, key);
      assert.equal(status, 200, key);
      assert.equal(text, `content of ${key}`);
      assert.equal(headers.get("etag"), etag);
      assert.equal(new TextEncoder().encode(text).byteLength, size);
    }
  });
}

Deno.test("a listing goes on from page to page, and holds each key with its prefix once", async () => {
  using asker = new Asker();
  const listed = await asker.list(storeOf(asker, { pageSize: 7 }), "many/");
  assert.deepEqual(
    listed.map(({ key }) => key),
    Array.from({ length: 25 }, (_, i) => `many/${String(i).padStart(2, "0")}`),
  );
  // A page boundary may fall on a key that needs encoding.
  const odd = await asker.list(storeOf(asker, { pageSize: 1 }), "odd/");
  assert.deepEqual(odd.map(({ key }) => key).toSorted(), ODD_KEYS.toSorted());
  assert.deepEqual(await asker.list(storeOf(asker), "many/2"), listed.slice(20));
  assert.deepEqual(await asker.list(storeOf(asker), "nothing/"), []);
});

Deno.test("ranges and conditions go with a signed request", async () => {
  using asker = new Asker();
  const store = storeOf(asker);
  const key = ODD_KEYS[0];
  const whole = await asker.get(store, key);
  const etag = whole.headers.get("etag")!;

  const rest = await asker.get(store, key, { range: "bytes=8-", "if-match": etag });
  assert.equal(rest.status, 206);
  assert.equal(rest.text, whole.text.slice(8));
  assert.equal(
    rest.headers.get("content-range"),
    `bytes 8-${whole.text.length - 1}/${whole.text.length}`,
  );

  const same = await asker.get(store, key, { "if-none-match": etag });
  assert.deepEqual([same.status, same.text], [304, ""]);
  const other = `"${"0".repeat(32)}"`;
  assert.equal((await asker.get(store, key, { "if-none-match": other })).status, 200);
  assert.equal((await asker.get(store, key, { "if-match": other })).status, 412);
  assert.equal((await asker.get(store, "odd/absent")).status, 404);
});

Deno.test("a wrong secret, an unknown key and another region are refused", async () => {
  using asker = new Asker();
  const secretAccessKey = s3.secretAccessKey.replace("not", "Not");
  for (const key of [{ secretAccessKey }, { accessKeyId: "test:nobody" }]) {
    const store = storeOf(asker, { key });
    assert.equal((await asker.get(store, ODD_KEYS[0])).status, 403);
    await assert.rejects(asker.list(store, ""), {
      reason: "origin_unauthorized",
      message: `s3://${BUCKET}/ was refused by its origin (403)`,
    });
  }
  assert.equal((await asker.get(storeOf(asker, { region: "eu-west-1" }), ODD_KEYS[0])).status, 400);
});

Deno.test("a session token is part of what is signed", async () => {
  using asker = new Asker();
  const store = storeOf(asker, { key: { sessionToken: "a/token+of=some length" } });
  assert.equal((await asker.get(store, ODD_KEYS[3])).status, 200);
  assert.equal((await asker.list(store, "many/")).length, 25);
  // The server checks it as it checks any signed header: with another one the signature is no good.
  const { credentials, ...request } = await store.request(ODD_KEYS[3], {});
  const changed = { ...credentials, "x-amz-security-token": "another" };
  const response = await asker.client.request({
    ...request,
    credentials: changed,
    signal: asker.signal,
  });
  await response.body.cancel();
  assert.equal(response.status, 403);
});

Deno.test("an anonymous request carries no credentials and a private bucket refuses it", async () => {
  using asker = new Asker();
  const store = new S3Store({
    scheme: "s3",
    bucket: BUCKET,
    endpoint: new URL(s3.endpoint),
    addressing: "path",
    sign: anonymous,
    downloader: asker.downloader,
  });
  assert.deepEqual((await store.request("key", {})).credentials, {});
  const { status, text } = await asker.get(store, ODD_KEYS[0]);
  assert(status >= 400 && status < 500, `${status}`);
  assert(!text.includes("content of"));
});

Deno.test("a key that a URL would turn into another one is refused", async () => {
  using asker = new Asker();
  for (const key of ["a/../b", "..", "./a", "a/."]) {
    await assert.rejects(storeOf(asker).request(key, {}), { reason: "path_not_allowed" });
  }
});

Deno.test("gs:// speaks the same language with Google's region and an HMAC key", async () => {
  await using google = await startS3({ region: "auto" });
  await google.createBucket("models");
  const etag = await google.put("models", "lora/a+b.safetensors", "tensors");
  const { endpoint, accessKeyId, secretAccessKey } = google;
  using asker = new Asker();
  const open = createBuckets({
    config: new ObjectStorageConfig({
      env: () => undefined,
      file: {
        path: "storage.json",
        text: JSON.stringify({ "gs://models": { endpoint, accessKeyId, secretAccessKey } }),
      },
    }),
    downloader: asker.downloader,
  });
  const { store, prefix } = open(new URL("gs://models/lora/"))!;
  assert.deepEqual(await asker.list(store, prefix), [
    { key: "lora/a+b.safetensors", size: 7, etag },
  ]);
  assert.equal((await asker.get(store, "lora/a+b.safetensors")).text, "tensors");
  assert.equal(store.locate("lora/a+b.safetensors"), "gs://models/lora/a%2Bb.safetensors");
});
