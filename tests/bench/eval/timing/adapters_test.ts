import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { AdapterFolder } from "../../../../bench/eval/timing/adapters.ts";

Deno.test("a folder of 30 has all 26 tasks and copies of four, and goes away", async () => {
  const parent = await Deno.makeTempDir();
  let path: string;
  {
    await using folder = await AdapterFolder.create(parent, 30);
    path = folder.path;
    assert.equal(new Set(folder.names).size, 30);
    assert.ok(!folder.names.includes("joint"));
    const [first] = folder.names;
    assert.equal(folder.names[26], `${first}-copy-1`);
    const read = (name: string) => readFileSync(join(path, name, "adapter_model.safetensors"));
    assert.deepEqual(read(folder.names[26]), read(first));
  }
  assert.ok(!existsSync(path));
  await Deno.remove(parent);
});
