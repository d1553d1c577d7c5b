import assert from "node:assert/strict";
import { measureGroup } from "../../../bench/run/rounds.ts";
import { rotated } from "../../../bench/run/turns.ts";
import type { Series, SeriesGroup } from "../../../bench/series.ts";

/** A clock that series move, and a log of what they did. */
function world() {
  const log: string[] = [];
  let ms = 0;
  const series = (name: string, seconds = 1, values: number[] = []): Series => ({
    name,
    unit: "ms",
    prepare: () => Promise.resolve(void log.push(`prepare ${name}`)),
    round: () => {
      log.push(name);
      ms += 1000 * seconds;
      return Promise.resolve(values.shift() ?? 0);
    },
    close: () => Promise.resolve(void log.push(`close ${name}`)),
  });
  return { log, series, now: () => ms };
}

function group(...series: Series[]): SeriesGroup {
  return { name: "g", title: "a group", series };
}

Deno.test("each turn begins with another item", () => {
  assert.deepEqual([0, 1, 2, 3].map((by) => rotated(["a", "b", "c"], by).join("")), [
    "abc",
    "bca",
    "cab",
    "abc",
  ]);
  assert.deepEqual(rotated([], 3), []);
});

Deno.test("a series of what happens once has a round of its own, however many the others have", async () => {
  const { series, now } = world();
  const once = { ...series("once", 1, [9, 1, 2, 3]), rounds: 1 };
  const others = series("others", 1, [9, 1, 2, 3]);
  const result = await measureGroup(group(once, others), { rounds: 3, budgetSeconds: 60, now });
  assert.deepEqual(result.series.map(({ values }) => values), [[1], [1, 2, 3]]);
});

Deno.test("series take turns, the first of each uncounted, and close in the end", async () => {
  const { log, series, now } = world();
  const result = await measureGroup(
    group(series("a", 1, [9, 1, 2]), series("b", 1, [9, 3, 4])),
    { rounds: 2, budgetSeconds: 60, now },
  );
  assert.deepEqual(log, [
    "prepare a",
    "a",
    "prepare b",
    "b",
    "a",
    "b",
    "b",
    "a",
    "close a",
    "close b",
  ]);
  assert.deepEqual(result, {
    series: [
      { name: "g/a", unit: "ms", values: [1, 2] },
      { name: "g/b", unit: "ms", values: [3, 4] },
    ],
    skipped: [],
  });
});

Deno.test("a series has as many rounds as its time allows by its first, and none if one is too long", async () => {
  const { series, now } = world();
  const { series: measured, skipped } = await measureGroup(
    group(series("short"), series("long", 4), series("endless", 41)),
    { rounds: 5, budgetSeconds: 10, now },
  );
  assert.deepEqual(measured.map(({ name, values }) => [name, values.length]), [
    ["g/short", 5],
    ["g/long", 2],
  ]);
  assert.deepEqual(skipped, [{
    name: "g/endless",
    why: "a round takes 41 s, and a series has 10 s (--budget)",
  }]);
});

Deno.test("a first round that is somewhat too long may have been opening: it gets another try", async () => {
  const { log, series, now } = world();
  const fast = series("opens", 1);
  const slow = series("opens", 19);
  let isOpen = false;
  const opens = {
    ...fast,
    round: () => {
      const { round } = isOpen ? fast : slow;
      isOpen = true;
      return round();
    },
  };
  const { series: measured, skipped } = await measureGroup(group(opens, series("slow", 19)), {
    rounds: 3,
    budgetSeconds: 10,
    now,
  });
  assert.deepEqual(measured.map(({ name, values }) => [name, values.length]), [["g/opens", 3]]);
  assert.deepEqual(skipped.map(({ name }) => name), ["g/slow"]);
  assert.equal(log.filter((name) => name === "slow").length, 2);
});

Deno.test("behind the deadline no series and no further round begins", async () => {
  const { series, now } = world();
  const { series: measured, skipped } = await measureGroup(
    group(series("a", 3), series("b", 3), series("c", 3)),
    { rounds: 5, budgetSeconds: 60, deadlineMs: 5000, now },
  );
  assert.deepEqual(measured.map(({ name, values }) => [name, values.length]), [
    ["g/a", 1],
    ["g/b", 1],
  ]);
  assert.deepEqual(skipped.map(({ name }) => name), ["g/c"]);
});

Deno.test("a series that fails is told, and the others go on", async () => {
  const { log, series, now } = world();
  const broken: Series = { ...series("broken"), round: () => Promise.reject(new Error("no GPU")) };
  const result = await measureGroup(
    { ...group(broken, series("a", 1, [0, 5])), skipped: [{ name: "c", why: "too large" }] },
    { rounds: 1, budgetSeconds: 60, now },
  );
  assert.deepEqual(result.series, [{ name: "g/a", unit: "ms", values: [5] }]);
  assert.deepEqual(result.skipped, [
    { name: "g/c", why: "too large" },
    { name: "g/broken", why: "failed: no GPU", failed: true },
  ]);
  assert.ok(log.includes("close broken"));
});

Deno.test("a figure that is no number is a failure", async () => {
  const { series, now } = world();
  const result = await measureGroup(group(series("a", 1, [1, NaN])), {
    rounds: 1,
    budgetSeconds: 60,
    now,
  });
  assert.equal(result.skipped[0].why, "failed: the figure is NaN");
});

Deno.test("a reading of several figures becomes several series with their own units", async () => {
  const { series, now } = world();
  const several: Series = {
    ...series("http"),
    unit: { first: "ms", us: "µs" },
    round: () => Promise.resolve({ first: 12, "matvec 8/us": 3 }),
  };
  const result = await measureGroup(group(several), { rounds: 2, budgetSeconds: 60, now });
  assert.deepEqual(result.series, [
    { name: "g/http/first", unit: "ms", values: [12, 12] },
    { name: "g/http/matvec 8/us", unit: "µs", values: [3, 3] },
  ]);
});
