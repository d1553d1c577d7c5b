import assert from "node:assert/strict";
import { parseProbe, probeAdapter } from "../../../tools/setup/probe.ts";

Deno.test("the machine that runs the tests has an adapter, as setup left it", async () => {
  const adapter = await probeAdapter();
  assert(adapter, "requestAdapter() found nothing: run `deno task setup`");
  assert(adapter.description.length > 0);
});

Deno.test({
  name: "a loader that knows no driver has no adapter",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const blind = { VK_DRIVER_FILES: "nowhere.json", VK_ICD_FILENAMES: "nowhere.json" };
    assert.equal(await probeAdapter({ ...blind, DENO_WEBGPU_BACKEND: "vulkan" }), null);
  },
});

Deno.test("lines that a driver writes before the probe's own are passed over", () => {
  assert.deepEqual(
    parseProbe(`MESA: warning\n{"description":"llvmpipe","isFallback":true}\n`),
    { description: "llvmpipe", isFallback: true },
  );
  assert.equal(parseProbe("null\n"), null);
  assert.equal(parseProbe(""), null);
  assert.equal(parseProbe("Segmentation fault"), null);
});
