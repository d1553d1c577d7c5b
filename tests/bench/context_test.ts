import assert from "node:assert/strict";
import { contextOf } from "../../bench/context.ts";
import { groupsOf } from "../../bench/groups/mod.ts";
import { GROUPS } from "../../bench/options.ts";
import { WeftError } from "../../engine/core/errors.ts";

const names = (isSoftware: boolean, shapes: string[] | null = null, isQuick = false) =>
  contextOf({ isQuick, isPartial: false, shapes }, { isSoftware }).shapes.map(({ name }) => name);

Deno.test("a software driver gets the smallest shape, cut to four layers, a GPU all", () => {
  assert.deepEqual(names(true), ["Qwen2-0.5B, 4 layers"]);
  assert.deepEqual(names(false), ["Qwen2-0.5B", "Qwen2-1.5B", "Llama-3-8B"]);
  assert.deepEqual(names(false, ["Llama-3-8B"]), ["Llama-3-8B"]);
});

Deno.test("a quick run on a software driver has a small shape unless it is told another", () => {
  assert.deepEqual(names(true, null, true), ["small"]);
  assert.deepEqual(names(true, ["Qwen2-0.5B"], true), ["Qwen2-0.5B, 4 layers"]);
  assert.deepEqual(names(false, null, true), names(false));
});

Deno.test("a shape that isn't there is refused with those that are", () => {
  assert.throws(
    () => names(false, ["Qwen3"]),
    (error) =>
      error instanceof WeftError && /"Qwen3": there is Qwen2-0\.5B, .*8B/.test(error.message),
  );
});

for (const isSoftware of [true, false]) {
  for (const isQuick of [true, false]) {
    const title = `${isSoftware ? "software" : "GPU"}${isQuick ? ", quick" : ""}`;
    Deno.test(`names are told apart, and ratios are of series that are there: ${title}`, () => {
      const partial = { isQuick, isPartial: true, shapes: null };
      const context = contextOf(partial, { isSoftware });
      const groups = GROUPS.flatMap((part) => groupsOf(part, context));
      const series = groups.flatMap((group) =>
        group.series.map(({ name }) => `${group.name}/${name}`)
      );
      assert.equal(new Set(series).size, series.length);
      for (const { name, series, ratios = [] } of groups) {
        const known = series.flatMap(({ name, unit }) =>
          typeof unit === "string" ? [name] : Object.keys(unit).map((key) => `${name}/${key}`)
        );
        for (const side of ratios.flatMap(({ over, under }) => [over, under])) {
          assert.ok(known.includes(side), `${name}: ${side}`);
        }
      }
      // Whatever is asked for by name is there, in a quick run, too.
      for (const part of GROUPS) {
        assert.ok(groupsOf(part, context).some(({ series }) => series.length > 0), part);
      }
      // Each part begins with its own name, by which --only finds it.
      for (const part of GROUPS) {
        for (const { name } of groupsOf(part, context)) {
          assert.equal(name.split("/")[0], part);
        }
      }
    });
  }
}

Deno.test("kernels' variants are tuned on a GPU or where that is asked for, and it says why it isn't", () => {
  const tune = (isSoftware: boolean, isQuick: boolean, isPartial: boolean) =>
    groupsOf("tune", contextOf({ isQuick, isPartial, shapes: null }, { isSoftware }));
  const isMeasured = (...args: [boolean, boolean, boolean]) =>
    tune(...args).every(({ series }) => series.length > 0);
  assert.ok(isMeasured(false, false, false));
  assert.ok(isMeasured(true, false, true) && isMeasured(false, true, true));
  for (
    const [isSoftware, isQuick, why] of [[true, false, /software/], [
      false,
      true,
      /--quick/,
    ]] as const
  ) {
    for (const { series, skipped } of tune(isSoftware, isQuick, false)) {
      assert.deepEqual(series, []);
      assert.match(skipped![0].why, why);
    }
  }
});

Deno.test("a run without names has something of each other part", () => {
  for (const isSoftware of [true, false]) {
    for (const isQuick of [true, false]) {
      const context = contextOf({ isQuick, isPartial: false, shapes: null }, { isSoftware });
      for (const part of GROUPS.filter((part) => part !== "tune")) {
        assert.ok(groupsOf(part, context).some(({ series }) => series.length > 0), part);
      }
    }
  }
});
