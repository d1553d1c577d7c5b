import assert from "node:assert/strict";
import type { RouteChoice } from "../../../../engine/core/routing.ts";
import { NO_SLOT } from "../../../../engine/kernels/lora/mod.ts";
import { CLASS_OFF, type RouteRecord } from "../../../../engine/kernels/routing/mod.ts";
import {
  allHere,
  entriesOf,
  mixtureOf,
  type Routed,
  type RoutedRow,
  RoutingBench,
  routingTest,
  untouched,
} from "./routing_bench.ts";

/** At p 0.6 the new mixture is 2/3 of class 0 and 1/3 of class 1. */
const LOGITS = [0.5, 0.25, 0.15, 0.1].map(Math.log);

const mixture = (...entries: [number, number][]): RouteChoice[] =>
  entries.map(([classIndex, weight]) => ({ classIndex, weight }));

function rowOf(
  previous: RouteChoice[] | null,
  hysteresis: number,
  options: RoutedRow["options"] = {},
): RoutedRow {
  return { logits: LOGITS, order: { previous }, options: { p: 0.6, hysteresis, ...options } };
}

routingTest("the mixture in force stays as long as the new one is near", async (bench) => {
  const routing = new RoutingBench(bench, { classes: 4 });
  const even = mixture([1, 0.5], [0, 0.5]);
  const cases: [RouteChoice[] | null, number, boolean][] = [
    // Half of |2/3 − 1/2| + |1/3 − 1/2| is 1/6.
    [even, 0.16666, false],
    [even, 0.16668, true],
    // A third of the weight would move to class 2.
    [mixture([0, 0.6666667], [2, 0.3333333]), 0.33332, false],
    [mixture([0, 0.6666667], [2, 0.3333333]), 0.33334, true],
    [mixture([3, 1]), 0.99, false],
    [mixture([3, 1]), 1, true],
    [mixture([0, 0.6666667], [1, 0.3333333]), 1e-6, true],
    [null, 1, false],
    // The base alone and any mixture differ by exactly one half.
    [[], 0.49999997, false],
    [[], 0.5, true],
  ];
  const { records, mix } = await routing.run(cases.map(([p, h]) => rowOf(p, h)), allHere(4));
  records.forEach((record, i) => {
    const [previous, hysteresis, kept] = cases[i];
    assert.equal(record.kept, kept, `case ${i}, ${hysteresis}`);
    const expected = kept ? mixtureOf(previous) : [[0, 0.66667], [1, 0.33333]];
    assert.deepEqual(mixtureOf(record.choices), expected);
    assert.deepEqual(mix[i], entriesOf(record.applied, allHere(4)));
    assert.equal(record.base, kept && previous!.length === 0);
  });
});

routingTest("hysteresis weighs an abstention like any other change", async (bench) => {
  const routing = new RoutingBench(bench, { classes: 4 });
  const doubt = { minConfidence: 0.9 };
  const one = mixture([2, 1]);
  const records = await routing.route([
    rowOf(one, 0.49, doubt),
    rowOf(one, 0.5, doubt),
    rowOf([], 0, doubt),
    rowOf([], 0, {}),
  ]);
  const said = ({ abstained, kept, base }: RouteRecord) => [abstained, kept, base];
  assert.deepEqual(records.map(said), [
    [true, false, true],
    [false, true, false],
    [true, true, true],
    [false, false, false],
  ]);
  assert.deepEqual(records[1].applied, one);
});

routingTest("a mixture in force can't stay when one of its adapters left", async (bench) => {
  const routing = new RoutingBench(bench, { classes: 4 });
  const previous = [
    mixture([0, 0.6], [2, 0.4]),
    mixture([0, 0.6], [3, 0.4]),
    mixture([0, 0.6], [400, 0.4]),
    mixture([0, 0.6], [1, 0.4]),
  ];
  const slots = Uint32Array.of(10, 11, NO_SLOT, CLASS_OFF);
  const { records } = await routing.run(previous.map((p) => rowOf(p, 1)), slots);
  assert.deepEqual(records.map(({ kept }) => kept), [false, false, false, true]);
});

/** Classes 0 and 1 are wanted; the second is not on the GPU. */
async function routeWithMiss(
  routing: RoutingBench,
  rows: RoutedRow[],
  slots = Uint32Array.of(10, NO_SLOT, 12, 13),
): Promise<Routed> {
  const result = await routing.run(rows, slots);
  for (const record of result.records) assert.equal(record.missed, true);
  return result;
}

routingTest("adapters that are not on the GPU leave their weight to the others", async (bench) => {
  const routing = new RoutingBench(bench, { classes: 4 });
  const renormalise = (p: number) => rowOf(null, 0, { p, onMiss: "renormalise" });
  const slots = Uint32Array.of(10, NO_SLOT, 12, 13);
  const { records, mix, running } = await routeWithMiss(routing, [
    renormalise(0.6),
    renormalise(0.8),
  ]);
  assert.deepEqual(mixtureOf(records[0].choices), [[0, 0.66667], [1, 0.33333]]);
  assert.deepEqual(records[0].choices.map(({ slot }) => slot), [10, null]);
  assert.deepEqual(records[0].applied, mixture([0, 1]));
  assert.deepEqual(mixtureOf(records[1].applied), [[0, 0.76923], [2, 0.23077]]);
  records.forEach((record, i) => {
    assert.deepEqual([record.stopped, record.base, running[i]], [false, false, 1]);
    assert.deepEqual(mix[i], entriesOf(record.applied, slots));
  });
});

routingTest("with no chosen adapter on the GPU the base answers alone", async (bench) => {
  const routing = new RoutingBench(bench, { classes: 4 });
  const slots = Uint32Array.of(NO_SLOT, NO_SLOT, 12, 13);
  const row = rowOf(null, 0, { onMiss: "renormalise" });
  const { records: [record], mix } = await routeWithMiss(routing, [row], slots);
  assert.deepEqual([record.base, record.abstained, record.applied], [true, false, []]);
  assert.deepEqual(mixtureOf(record.choices), [[0, 0.66667], [1, 0.33333]]);
  assert.deepEqual(mix[0], entriesOf([], slots));
});

routingTest("a row that waits stops, with its mixture as it was", async (bench) => {
  const routing = new RoutingBench(bench, { classes: 4 });
  const wait = rowOf(mixture([0, 1]), 0, { onMiss: "wait" });
  const { records: [record, here], mix, running } = await routing.run(
    [wait, { ...wait, options: { ...wait.options, p: 0 } }],
    Uint32Array.of(10, NO_SLOT, 12, 13),
  );
  assert.deepEqual([record.missed, record.stopped, record.base], [true, true, false]);
  assert.equal(record.applied, null);
  assert.deepEqual(mixtureOf(record.choices), [[0, 0.66667], [1, 0.33333]]);
  assert.deepEqual(mix[0], untouched(0));
  assert.deepEqual([here.missed, here.stopped], [false, false]);
  assert.deepEqual(running.slice(0, 3), [0, 1, 1]);
});
