import assert from "node:assert/strict";
import { randomAdapter } from "../../../bench/engine/adapters.ts";
import { readModelConfig } from "../../../engine/mod.ts";

const config = await readModelConfig("models/demo");

Deno.test("an adapter has all projections of all layers unless told, of one rank", () => {
  const { modules, maxRank } = randomAdapter(config, { generation: "a", rank: 16 });
  assert.equal(modules.length, 6 * 7);
  assert.equal(maxRank, 16);
  const down = modules.find(({ projection }) => projection === "down")!;
  assert.deepEqual([down.a.length, down.b.length], [16 * 704, 256 * 16]);
  const qv = randomAdapter(config, { generation: "a", rank: 8, projections: ["q", "v"] });
  assert.deepEqual([...new Set(qv.modules.map(({ projection }) => projection))], ["q", "v"]);
});

Deno.test("adapters differ by their names, and are the same for the same", () => {
  const a = (generation: string) => randomAdapter(config, { generation, rank: 4 }).modules[0].a;
  assert.deepEqual(a("16-1"), a("16-1"));
  assert.notDeepEqual(a("16-1"), a("16-2"));
});
