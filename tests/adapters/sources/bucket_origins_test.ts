import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createBuckets } from "../../../adapters/sources/buckets.ts";
import { ObjectStorageConfig } from "../../../adapters/sources/object_storage_config.ts";
import { createOrigins } from "../../../adapters/sources/origins.ts";
import type { AdapterContent, AdapterSource, Origins } from "../../../adapters/origin.ts";
import { startAzurite } from "../../services/azurite.ts";
import { startS3 } from "../../services/s3.ts";
import { Asker } from "./ask.ts";

const FIXTURE = new URL("../../fixtures/adapters/good/rslora/", import.meta.url);
const FILES = ["adapter_config.json", "adapter_model.safetensors"] as const;

/** Where adapters are put, and how they are reached there. */
interface Storage extends AsyncDisposable {
  /** Of the place that holds the adapters. */
  url: string;
  file: Record<string, unknown>;
  put(key: string, body: Uint8Array<ArrayBuffer>): Promise<string>;
}

const STORAGES: Record<string, () => Promise<Storage>> = {
  async s3() {
    const s3 = await startS3();
    await s3.createBucket("models");
    const { virtualEndpoint: endpoint, accessKeyId, secretAccessKey } = s3;
    const settings = { endpoint, accessKeyId, secretAccessKey, addressing: "virtual" };
    return {
      url: "s3://models/lora",
      file: { "s3://models": settings },
      put: (key, body) => s3.put("models", key, body),
      [Symbol.asyncDispose]: () => s3.stop(),
    };
  },
  async az() {
    const azurite = await startAzurite();
    await azurite.createContainer("models");
    const { endpoint, account, key } = azurite;
    return {
      url: "az://models/lora",
      file: { "az://models": { endpoint, account, key } },
      put: (key, body) => azurite.put("models", key, body),
      [Symbol.asyncDispose]: () => azurite.stop(),
    };
  },
};

function originsOf({ file }: Storage, { client, downloader }: Asker): Origins {
  const config = new ObjectStorageConfig({
    env: () => undefined,
    file: { path: "storage.json", text: JSON.stringify(file) },
  });
  return createOrigins({
    client,
    limits: { maxBytes: 1 << 24, totalMs: 30_000 },
    fileRoots: [],
    trustedPaths: [],
    hf: { endpoint: "https://hub.example" },
    openBucket: createBuckets({ config, downloader, checkUrl: (url) => client.checkUrl(url) }),
    checkUrl: (url) => client.checkUrl(url),
  });
}

async function readOnce(source: AdapterSource, unless?: string): Promise<AdapterContent | null> {
  const staging = await mkdtemp(join(tmpdir(), "weft-staging-"));
  try {
    const content = await source.read({ staging, unless, signal: AbortSignal.timeout(30_000) });
    assert.equal((await readdir(staging)).length, content === null ? 0 : 2);
    return content;
  } finally {
    await rm(staging, { recursive: true });
  }
}

for (const [scheme, start] of Object.entries(STORAGES)) {
  Deno.test(`${scheme}: a bucket is a catalogue whose versions are those of its adapters`, async () => {
    await using storage = await start();
    using asker = new Asker();
    const files = await Promise.all(FILES.map((name) => Deno.readFile(new URL(name, FIXTURE))));
    for (const name of ["sql", "a b+c"]) {
      for (const [i, file] of FILES.entries()) await storage.put(`lora/${name}/${file}`, files[i]);
    }
    const origins = originsOf(storage, asker);
    const listed = await origins.catalogue(`${storage.url}/`).list(asker.signal);
    const sql = listed.find(({ name }) => name === "sql")!;
    assert.equal(sql.url, `${storage.url}/sql`);

    for (const source of [sql.source, origins.adapter(`${storage.url}/a%20b+c`)]) {
      const content = (await readOnce(source))!;
      assert.deepEqual(
        [content.files.config, content.files.weights].map((bytes) => Array.from(bytes)),
        files.map((bytes) => Array.from(bytes)),
      );
      if (source === sql.source) assert.equal(content.version, sql.version);
      assert.equal(await readOnce(source, content.version), null);
    }

    await storage.put("lora/sql/adapter_config.json", new Uint8Array([...files[0], 0x0a]));
    const changed = (await readOnce(sql.source, sql.version))!;
    assert.notEqual(changed.version, sql.version);
    assert.equal(changed.files.config.length, files[0].length + 1);
    const again = await origins.catalogue(storage.url).list(asker.signal);
    assert.equal(again.find(({ name }) => name === "sql")!.version, changed.version);
  });
}
