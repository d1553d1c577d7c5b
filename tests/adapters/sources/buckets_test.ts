import assert from "node:assert/strict";
import { createBuckets, hostsOfBucket } from "../../../adapters/sources/buckets.ts";
import { ObjectStorageConfig } from "../../../adapters/sources/object_storage_config.ts";
import { adapterError } from "../../../adapters/reasons.ts";
import { Asker } from "./ask.ts";

const ENV: Record<string, string> = {
  AWS_ACCESS_KEY_ID: "id",
  AWS_SECRET_ACCESS_KEY: "secret",
  AZURE_STORAGE_ACCOUNT: "account",
  AZURE_STORAGE_KEY: "a2V5",
  GOOGLE_OAUTH_ACCESS_TOKEN: "ya29",
};
const config = new ObjectStorageConfig({ env: (name) => ENV[name] });

Deno.test("a bucket's URL opens its store and tells its decoded key", async () => {
  using asker = new Asker();
  const open = createBuckets({ config, downloader: asker.downloader });
  const cases = {
    "s3://bucket/a%20b/c+d": ["a b/c+d", "https://bucket.s3.us-east-1.amazonaws.com/x%20y%2Bz"],
    "s3://my.bucket": ["", "https://s3.us-east-1.amazonaws.com/my.bucket/x%20y%2Bz"],
    "gs://bucket/": ["", "https://storage.googleapis.com/bucket/x%20y%2Bz"],
    "az://container/p/": ["p/", "https://account.blob.core.windows.net/container/x%20y%2Bz"],
  };
  for (const [text, [key, asked]] of Object.entries(cases)) {
    const { store, prefix } = open(new URL(text))!;
    assert.equal(prefix, key);
    const { url, credentials, headers } = await store.request("x y+z", { range: "bytes=1-" });
    assert.equal(url.href, asked);
    assert.equal(headers!.range, "bytes=1-");
    assert.match(credentials!.authorization, /^(AWS4-HMAC-SHA256|Bearer|SharedKey) /);
    assert.equal(store.locate("x y+z"), `${text.match(/^\w+:\/\/[^/]+/)![0]}/x%20y%2Bz`);
  }
  for (const text of ["https://example.org/a", "hf://owner/name", "file:///a"]) {
    assert.equal(open(new URL(text)), undefined);
  }
});

Deno.test("the signature in an az:// URL's query goes before configured keys and is not shown", async () => {
  using asker = new Asker();
  const open = createBuckets({ config, downloader: asker.downloader });
  const { store } = open(new URL("az://container/p?sv=2021&sig=a%2Bb%3D"))!;
  const { url, credentials } = await store.request("key", {});
  assert.equal(url.search, "?sv=2021&sig=a%2Bb%3D");
  assert.equal(credentials, undefined);
  assert(!store.locate("key").includes("sig"));
});

Deno.test("a bucket that cannot exist and a query on the others' URLs are bad URLs", () => {
  using asker = new Asker();
  const open = createBuckets({ config, downloader: asker.downloader });
  for (
    const text of [
      ...[
        "s3://a",
        "s3://a..b/x",
        "s3://bucket:9000/x",
        "s3://-bucket",
        "gs://Bucket",
        "s3:bucket",
      ],
      ...[
        "az://ab",
        "az://a--b",
        "az://Container",
        "s3://bucket/x?sig=hunter2",
        "gs://bucket?x=hunter2",
      ],
    ]
  ) {
    assert.throws(() => open(new URL(text)), (error: Error & { reason?: string }) => {
      assert.equal(error.reason, "bad_url", text);
      assert(!error.message.includes("hunter2"), error.message);
      return true;
    });
  }
});

Deno.test("a host that may not be asked is refused when the bucket is opened", () => {
  using asker = new Asker();
  const checked: string[] = [];
  const checkUrl = (url: URL) => {
    checked.push(url.host);
    throw adapterError("host_not_allowed", "not here");
  };
  const open = createBuckets({ config, downloader: asker.downloader, checkUrl });
  const urls = ["s3://bucket/a", "gs://bucket/a", "az://container/a"].map((text) => new URL(text));
  for (const url of urls) assert.throws(() => open(url), { reason: "host_not_allowed" });
  assert.deepEqual(checked, [
    "bucket.s3.us-east-1.amazonaws.com",
    "storage.googleapis.com",
    "account.blob.core.windows.net",
  ]);
  assert.deepEqual(
    urls.flatMap((url) => hostsOfBucket(url, config)),
    checked.map((host) => `${host}:443`),
  );
  assert.deepEqual(hostsOfBucket(new URL("https://example.org"), config), []);
});
