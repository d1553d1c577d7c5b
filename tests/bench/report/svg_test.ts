import assert from "node:assert/strict";
import { SaxesParser } from "saxes";
import { plotsOf } from "../../../bench/report/plots.ts";
import { barChart } from "../../../bench/report/svg/bar_chart.ts";
import { linearScale, logScale } from "../../../bench/report/svg/frame.ts";
import { lineChart } from "../../../bench/report/svg/line_chart.ts";
import { line } from "./fixture.ts";

/** Element names in order; throws for what isn't well-formed, and where a number is none. */
function elementsOf(svg: string): string[] {
  const names: string[] = [];
  const parser = new SaxesParser({ xmlns: true });
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("opentag", ({ name, attributes }) => {
    names.push(name);
    for (const [key, attribute] of Object.entries(attributes)) {
      assert.doesNotMatch(String((attribute as { value: string }).value), /NaN|Infinity/, key);
    }
  });
  parser.write(svg).close();
  assert.equal(names[0], "svg");
  return names;
}

Deno.test("a line chart is well-formed, whatever its names are, and leaves gaps out", () => {
  const svg = lineChart({
    title: 'Decode <"all"> & more',
    unit: "tokens/s",
    xLabel: "rows",
    labels: ["1", "8", "32"],
    lines: [{ name: "a<b", values: [10, null, 2000] }, { name: "c", values: [1, 2, 3] }],
    scale: "log",
  });
  const names = elementsOf(svg);
  assert.equal(names.filter((name) => name === "polyline").length, 2);
  assert.equal(names.filter((name) => name === "circle").length, 5);
});

Deno.test("a bar chart has a bar for each value and one for each key", () => {
  const svg = barChart({
    title: "Ratios",
    unit: "of the base",
    labels: ["none", "one"],
    series: [{ name: "demo", values: [1, 0.9] }, { name: "8B", values: [0.98, null] }],
  });
  assert.equal(elementsOf(svg).filter((name) => name === "rect").length, 3 + 2);
});

Deno.test("a chart without a value is refused", () => {
  const empty = { title: "Empty", unit: "", labels: ["1"] };
  assert.throws(() => barChart({ ...empty, series: [{ name: "a", values: [null] }] }), RangeError);
  assert.throws(() => lineChart({ ...empty, xLabel: "", lines: [] }), RangeError);
});

Deno.test("axes have round ticks around all values", () => {
  const linear = linearScale([0.2, 0.93]);
  assert.deepEqual(linear.ticks, [0, 0.25, 0.5, 0.75, 1]);
  assert.equal(linear.place(0.5), 0.5);
  const log = logScale([20, 4000]);
  assert.deepEqual(log.ticks, [10, 100, 1000, 10000]);
  assert.equal(log.place(10), 0);
  assert.equal(log.place(10000), 1);
  assert.deepEqual(logScale([100]).ticks, [100, 1000]);
});

Deno.test("a device's plots are those that it has figures for", () => {
  const lines = [
    line("demo/decode/batch=1", [80]),
    line("demo/decode/batch=8", [400]),
    line("shapes/Qwen2-0.5B, 4 layers/decode/batch=1/rate", [5]),
    line("context/small/decode/context=1024", [50]),
    line("context/small/decode/context=16384", [40]),
    line("adapters/first_token/large/base", [60]),
    line("adapters/first_token/large/disk", [112]),
  ];
  const plots = plotsOf({ slug: "llvmpipe", lines });
  assert.deepEqual(plots.map(({ file }) => file), [
    "decode-llvmpipe.svg",
    "context-llvmpipe.svg",
    "adapters-llvmpipe.svg",
  ]);
  for (const { svg } of plots) elementsOf(svg);
  // A bar for each level that was measured, and one for the key.
  assert.equal(elementsOf(plots[2].svg).filter((name) => name === "rect").length, 2 + 1);
  assert.match(plots[2].svg, />112<[^]*>far origin</);
  assert.match(plots[0].svg, /Qwen2-0\.5B, 4 layers/);
});
