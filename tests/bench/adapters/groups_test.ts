/** What is measured of adapters by URL, against a real server. */
import assert from "node:assert/strict";
import { adapterGroups } from "../../../bench/adapters/mod.ts";
import { FAR_MS } from "../../../bench/adapters/origin_options.ts";

const QUICK = { isSoftware: true, isQuick: true, isPartial: false, shapes: [] };

/** One round of each series of a group, by the names that the figures get. */
async function measured(start: string, isQuick = true): Promise<Map<string, number>> {
  const [group] = adapterGroups({ ...QUICK, isQuick }).filter(({ series }) =>
    series[0].name.startsWith(start)
  );
  const figures = new Map<string, number>();
  try {
    for (const series of group.series) {
      await series.prepare?.();
      const reading = await series.round();
      if (typeof reading === "number") figures.set(series.name, reading);
      else Object.entries(reading).forEach(([key, n]) => figures.set(`${series.name}/${key}`, n));
    }
  } finally {
    await group.close?.();
  }
  return figures;
}

Deno.test("first tokens are told by where the adapter is, and a far origin costs its way three times", async () => {
  const figures = await measured("first_token");
  const levels = ["gpu", "memory", "disk", "origin", "far_origin"];
  const wanted = levels.flatMap((level) => [level, `${level}/fetch`, `${level}/upload`]);
  assert.deepEqual(
    new Set(figures.keys()),
    new Set(["base", ...wanted].map((name) => `first_token/large/${name}`)),
  );
  const at = (name: string) => figures.get(`first_token/large/${name}`)!;
  for (const level of levels) assert.ok(at(level) > at(`${level}/fetch`), level);
  assert.ok(at("far_origin/fetch") >= 3 * FAR_MS, `${at("far_origin/fetch")} ms`);
  assert.ok(at("gpu/fetch") < at("origin/fetch"));
});

Deno.test("a swap beside streams has its time, the streams' gaps and what it stalls them", async () => {
  const figures = await measured("swap");
  const at = (name: string) => figures.get(`swap/large/${name}`)!;
  assert.ok(at("takes") > 0);
  assert.ok(at("gap_p99") >= at("gap_p50") && at("gap_p50") > 0);
  assert.ok(at("quiet_gap_p99") >= at("quiet_gap_p50") && at("quiet_gap_p50") > 0);
  assert.ok(Number.isFinite(at("stall")));
});

Deno.test("2,000 names are opened, listed and shown, and content comes from an origin", async () => {
  const names = await measured("names", false);
  assert.deepEqual(
    [...names.keys()],
    ["registry", "store", "list", "show"].map((n) => `names/${n}`),
  );
  assert.ok(names.get("names/show")! < names.get("names/list")!, "one is less than all");
  const fetched = await measured("fetch");
  for (const name of ["plain", "checked", "adapters"]) {
    assert.ok(fetched.get(`fetch/${name}`)! > 0, name);
  }
});
