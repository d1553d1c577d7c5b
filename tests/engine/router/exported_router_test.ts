import assert from "node:assert/strict";
import { readRouterFile, RouterSession } from "../../../engine/router/mod.ts";
import { vocabularyHash } from "../../../engine/tokenizer/vocabulary_hash.ts";
import { assertClose, download, openDevice, upload } from "./gpu_arrays.ts";
import { openOnce } from "./tiny_router.ts";

const ROOT = new URL("../../../", import.meta.url);
const FIXTURE = new URL("tests/fixtures/router/", ROOT);
await openOnce();

Deno.test("what docs/ROUTING.md exports from PyTorch is a router that agrees with PyTorch", async () => {
  const data = await Deno.readFile(new URL("exported.onnx", FIXTURE));
  const expected = JSON.parse(await Deno.readTextFile(new URL("exported.json", FIXTURE)));
  const file = readRouterFile(data);
  assert.equal(file.features, 24);
  assert.equal(file.tokenizer, vocabularyHash(Array.from({ length: 512 }, (_, i) => `token${i}`)));
  const { device, complaints } = await openDevice();
  const session = await RouterSession.open(device, data);
  const [rows, sequence] = [expected.input_ids.length, expected.input_ids[0].length];
  const pad = [0, 0, 0];
  const input = {
    inputIds: upload(device, [...expected.input_ids.flat(), ...pad]),
    attentionMask: upload(device, [...expected.attention_mask.flat(), ...pad]),
  };
  const output = await session.run(input, { rows, sequence });
  assertClose(await download(device, output.logits, rows * 5), expected.logits.flat(), 1e-5);
  assertClose(await download(device, output.features!, rows * 24), expected.features.flat(), 1e-5);
  assert.deepEqual(complaints, []);
  await session.close();
  device.destroy();
});

Deno.test("docs/ROUTING.md shows the script that made the fixture", async () => {
  const script = await Deno.readTextFile(new URL("tools/fixtures/router_export.py", ROOT));
  const page = await Deno.readTextFile(new URL("docs/ROUTING.md", ROOT));
  const shown = page.match(/```python\n(.*?)\n```/s)?.[1];
  const made = script.match(/# docs\/ROUTING\.md begins\n(.*?)\s*# docs\/ROUTING\.md ends/s)?.[1];
  assert.ok(shown);
  assert.equal(shown, made);
});
