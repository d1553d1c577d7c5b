import assert from "node:assert/strict";
import { join } from "node:path";
import { DiskCache } from "../../../adapters/disk/mod.ts";
import { generationOf } from "../../../adapters/peft/generation.ts";
import { CONFIG_FILE, WEIGHTS_FILE } from "../../../adapters/peft/mod.ts";
import { namesIn, temporary } from "./contents.ts";
import { startWorker, WORKER_BUDGET } from "./worker.ts";

const KILLS = 30;
const MAX_WAIT_MS = 60;

Deno.test("killed at any moment, the cache holds whole content, what it kept, and no orphan", async () => {
  await using place = await temporary();
  let kept = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const worker = await startWorker(place.path);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * MAX_WAIT_MS));
    const said = await worker.kill();
    kept += said.length;
    await checkContent(place.path);

    const cache = await DiskCache.open({ directory: place.path, maxBytes: WORKER_BUDGET });
    await cache.checkIntegrity();
    assert.deepEqual(await namesIn(place.path, "incoming"), []);
    const latest = said.at(-1);
    if (latest !== undefined) assert.ok(await cache.read(latest), `${latest} was kept`);
  }
  assert.ok(kept > KILLS, `the workers kept ${kept} adapters: too few to have proved anything`);
});

/** Before anything has tidied up. */
async function checkContent(directory: string): Promise<void> {
  let bytes = 0;
  for (const name of await namesIn(directory, "content")) {
    const path = join(directory, "content", name);
    assert.deepEqual(await namesIn(path), [CONFIG_FILE, WEIGHTS_FILE]);
    const config = await Deno.readFile(join(path, CONFIG_FILE));
    const weights = await Deno.readFile(join(path, WEIGHTS_FILE));
    assert.equal(await generationOf({ config, weights }), name);
    bytes += config.byteLength + weights.byteLength;
  }
  assert.ok(bytes <= WORKER_BUDGET, `${bytes} bytes`);
}
