import assert from "node:assert/strict";
import { ROUTING_MODES } from "../../../../engine/core/routing.ts";
import { NO_SLOT } from "../../../../engine/kernels/lora/mod.ts";
import { CLASS_OFF, MAX_ROUTED_ROWS } from "../../../../engine/kernels/routing/mod.ts";
import {
  type RouteExpectation,
  routeReference,
} from "../../../../engine/kernels/routing/reference.ts";
import { randoms } from "../harness.ts";
import { asOnHardware } from "../sampling/sampler_bench.ts";
import {
  assertRecord,
  entriesOf,
  orderOf,
  type RoutedRow,
  RoutingBench,
  routingTest,
  untouched,
} from "./routing_bench.ts";

/** Nearer to a border than this, rounding may decide. */
const MARGIN = 1e-5;

/** A source of numbers in [0, 1). */
type Dice = () => number;

function dice(seed: number): Dice {
  const values = randoms(1 << 16, seed, 0.5);
  let at = 0;
  return () => values[at++ % values.length] + 0.5;
}

const pick = <T>(roll: Dice, values: readonly T[]): T => values[Math.floor(roll() * values.length)];

/** A row of any shape: spread out, peaked, or coarse with many ties. */
function randomRow(roll: Dice, classes: number): RoutedRow {
  const spread = pick(roll, [0.3, 2, 8]);
  const coarse = roll() < 0.3;
  const logits = Float32Array.from({ length: classes }, () => {
    const value = (roll() * 2 - 1) * spread * 2;
    return coarse ? Math.round(value) : value;
  });
  if (roll() < 0.03) logits[Math.floor(roll() * classes)] = pick(roll, [NaN, Infinity, -Infinity]);
  const mode = pick(roll, ROUTING_MODES);
  const p = pick(roll, [0, 1, roll(), roll()]);
  return {
    logits,
    order: { previous: null },
    options: {
      mode,
      p: mode === "threshold" ? p * 0.2 : p,
      maxAdapters: 1 + Math.floor(roll() * 8),
      minConfidence: roll() < 0.5 ? 0 : roll() * 0.5,
      hysteresis: pick(roll, [0, roll() * 0.5, roll() * 0.5, 1]),
      onMiss: pick(roll, ["wait", "renormalise"]),
    },
  };
}

/** Gives a row something in force: nothing, the base alone, something like its choice, or anything. */
function withPrevious(
  roll: Dice,
  row: RoutedRow,
  choices: { classIndex: number; weight: number }[],
) {
  const kind = roll();
  if (kind < 0.5) return row;
  if (kind < 0.6) return { ...row, order: { previous: [] } };
  const classes = row.logits.length;
  const base = kind < 0.85 && choices.length > 0 ? choices.map(({ classIndex }) => classIndex) : [
    ...new Set(Array.from({ length: 3 }, () => Math.floor(roll() * classes))),
  ];
  const raw = base.map(() => 0.1 + roll());
  const sum = raw.reduce((a, b) => a + b);
  const previous = base.map((classIndex, i) => ({ classIndex, weight: raw[i] / sum }));
  return { ...row, order: { previous } };
}

function randomSlots(roll: Dice, classes: number): Uint32Array {
  const share = pick(roll, [0.9, 0.5]);
  return Uint32Array.from({ length: classes }, (_, c) => {
    if (roll() < share) return 10 + c;
    return roll() < 0.7 ? NO_SLOT : CLASS_OFF;
  });
}

routingTest("random rows equal the sorted float64 reference", async (bench) => {
  const roll = dice(12);
  const seen = { kept: 0, abstained: 0, missed: 0, stopped: 0, base: 0, failed: 0, plain: 0 };
  let near = 0, total = 0;
  const router = { 1: 1, 2: 1, 3: 0.7, 26: 1, 100: 1.9, 512: 1 };
  for (const [key, temperature] of Object.entries(router)) {
    const classes = Number(key);
    const device = classes > 50 ? asOnHardware(bench) : bench;
    const routing = new RoutingBench(device, { classes, temperature });
    for (let round = 0; round < (classes === 26 ? 5 : 2); round++) {
      const slots = randomSlots(roll, classes);
      const expect = (row: RoutedRow, i: number): RouteExpectation =>
        routeReference({
          logits: row.logits as Float32Array,
          prototypeLogits: new Float32Array(0),
          temperature,
          slots,
          order: orderOf(row, i),
        });
      const rows = Array.from({ length: MAX_ROUTED_ROWS }, (_, i) => {
        const row = randomRow(roll, classes);
        return withPrevious(roll, row, expect(row, i).record.choices);
      });
      const { records, mix, running, probabilities } = await routing.run(rows, slots);
      rows.forEach((row, i) => {
        const label = `${classes} classes, round ${round}, row ${i}`;
        const { record, margin, probabilities: expected } = expect(row, i);
        total++;
        if (margin < MARGIN) return void near++;
        const actual = records[i];
        assertRecord(actual, record, label);
        const entries = actual.applied ? entriesOf(actual.applied, slots) : untouched(i);
        assert.deepEqual(mix[i], entries, label);
        assert.equal(running[i], actual.stopped ? 0 : 1, label);
        const flags = Object.keys(seen).filter((key) =>
          actual[key as keyof typeof actual] === true
        );
        for (const flag of flags.length > 0 ? flags : ["plain"]) seen[flag as keyof typeof seen]++;
        if (actual.failed) return;
        expected.forEach((p, c) => assert.ok(Math.abs(probabilities[i][c] - p) < 1e-6, label));
      });
    }
  }
  assert.ok(near < 0.02 * total, `${near} of ${total} rows were too near to a border`);
  for (const [kind, count] of Object.entries(seen)) assert.ok(count >= 20, `${count} ${kind}`);
});

routingTest("a row in a mixed batch equals the row alone, bit for bit", async (bench) => {
  const roll = dice(77);
  const classes = 200;
  const routing = new RoutingBench(bench, { classes, features: 33 });
  const prototypes = Array.from({ length: 50 }, (_, i) => ({
    mean: randoms(33, 100 + i, 0.3),
    scale: 4,
    bias: -1,
  }));
  routing.setPrototypes(prototypes);
  const slots = randomSlots(roll, classes + 50);
  const rows = Array.from({ length: MAX_ROUTED_ROWS }, (_, i) => {
    const row = randomRow(roll, classes);
    const previous = i % 3 === 0 ? [{ classIndex: i, weight: 1 }] : null;
    return { ...row, features: randoms(33, i), order: { row: i, previous } };
  });
  const together = await routing.run(rows, slots);
  for (let i = 0; i < rows.length; i += 3) {
    const alone = await routing.run([rows[i]], slots);
    assert.deepEqual(alone.recordWords[0], together.recordWords[i], `record ${i}`);
    assert.deepEqual(alone.mix[i], together.mix[i], `mixture ${i}`);
    assert.deepEqual(alone.probabilities[0], together.probabilities[i], `probabilities ${i}`);
    assert.equal(alone.running[i], together.running[i]);
  }
});
