import assert from "node:assert/strict";
import { ROUTING_MODES } from "../../../../engine/core/routing.ts";
import { NO_SLOT } from "../../../../engine/kernels/lora/mod.ts";
import { CLASS_OFF } from "../../../../engine/kernels/routing/mod.ts";
import {
  allHere,
  entriesOf,
  mixtureOf,
  RoutingBench,
  routingTest,
  untouched,
} from "./routing_bench.ts";

const logsOf = (...probabilities: number[]) => probabilities.map((p) => Math.log(p));
/** Class 3 first, then 1, 0, 2. */
const FOUR = logsOf(0.15, 0.25, 0.1, 0.5);

routingTest("each mode chooses and weighs as it is defined", async (bench) => {
  const routing = new RoutingBench(bench, { classes: 4 });
  const cases: [object, number[][]][] = [
    [{ mode: "top-p", p: 0.7 }, [[3, 0.66667], [1, 0.33333]]],
    [{ mode: "top-p", p: 0.8 }, [[3, 0.55556], [1, 0.27778], [0, 0.16667]]],
    [{ mode: "top-p", p: 0.8, maxAdapters: 2 }, [[3, 0.66667], [1, 0.33333]]],
    [{ mode: "threshold", p: 0.12 }, [[3, 0.55556], [1, 0.27778], [0, 0.16667]]],
    [{ mode: "threshold", p: 0.2 }, [[3, 0.66667], [1, 0.33333]]],
    [{ mode: "threshold", p: 0.6 }, [[3, 1]]],
    [{ mode: "threshold", p: 0 }, [[3, 0.5], [1, 0.25], [0, 0.15], [2, 0.1]]],
    // e^0.5 : e^0.25
    [{ mode: "softmax-of-probs", p: 0.6 }, [[3, 0.56218], [1, 0.43782]]],
    [{ mode: "top-1", p: 1 }, [[3, 1]]],
    [{ mode: "uniform", p: 0.7 }, [[3, 0.5], [1, 0.5]]],
  ];
  const records = await routing.route(cases.map(([options]) => ({ logits: FOUR, options })));
  records.forEach((record, i) => {
    assert.deepEqual(mixtureOf(record.choices), cases[i][1], JSON.stringify(cases[i][0]));
    assert.deepEqual(mixtureOf(record.applied), cases[i][1]);
    assert.ok(Math.abs(record.confidence - 0.5) < 1e-6);
    assert.ok(Math.abs(record.entropy - 1.2079777) < 1e-5);
    assert.ok(!record.abstained && !record.kept && !record.missed && !record.base);
  });
});

routingTest("p = 0 takes one class and p = 1 all of them, eight at most", async (bench) => {
  for (const classes of [1, 3, 8, 9, 512]) {
    const routing = new RoutingBench(bench, { classes });
    // The last ones are so unlikely that their probability is 0.
    const logits = Array.from({ length: classes }, (_, c) => -20 * c);
    for (const mode of ["top-p", "softmax-of-probs", "uniform"] as const) {
      const [none, all, three] = await routing.route([
        { logits, options: { mode, p: 0 } },
        { logits, options: { mode, p: 1 } },
        { logits, options: { mode, p: 1, maxAdapters: 3 } },
      ]);
      const first = (count: number) => [...Array(Math.min(count, classes)).keys()];
      assert.deepEqual(none.choices, [{ classIndex: 0, weight: 1, slot: 10 }]);
      assert.deepEqual(all.choices.map((c) => c.classIndex), first(8));
      assert.deepEqual(three.choices.map((c) => c.classIndex), first(3));
    }
  }
});

routingTest("ties go to the lower class, also where p falls between them", async (bench) => {
  for (const classes of [4, 512]) {
    const routing = new RoutingBench(bench, { classes });
    const even = new Float32Array(classes);
    const zeros = even.map((_, c) => c % 2 === 0 ? -0 : 0);
    const pair = even.map((_, c) => c === 1 || c === 3 ? 50 : 0);
    const [flat, signed, two, half, over] = await routing.route([
      { logits: even, options: { p: 1, maxAdapters: 3 } },
      { logits: zeros, options: { p: 0 } },
      { logits: pair, options: { p: 0.75 } },
      { logits: pair, options: { p: 0.5 } },
      { logits: pair, options: { mode: "threshold", p: 0.5 } },
    ]);
    assert.deepEqual(mixtureOf(flat.choices), [[0, 0.33333], [1, 0.33333], [2, 0.33333]]);
    assert.ok(Math.abs(flat.entropy - Math.log(classes)) < 1e-5);
    assert.deepEqual(mixtureOf(signed.choices), [[0, 1]]);
    assert.deepEqual(mixtureOf(two.choices), [[1, 0.5], [3, 0.5]]);
    assert.deepEqual(mixtureOf(half.choices), [[1, 1]]);
    assert.deepEqual(mixtureOf(over.choices), [[1, 0.5], [3, 0.5]]);
  }
});

routingTest("a router of one class always chooses it with the weight 1", async (bench) => {
  const routing = new RoutingBench(bench, { classes: 1 });
  const records = await routing.route(
    ROUTING_MODES.map((mode) => ({ logits: [-3.3], options: { mode, minConfidence: 1 } })),
  );
  for (const { choices, confidence, entropy } of records) {
    assert.deepEqual(choices, [{ classIndex: 0, weight: 1, slot: 10 }]);
    assert.deepEqual([confidence, entropy], [1, 0]);
  }
});

routingTest("below the least confidence the base answers alone", async (bench) => {
  const routing = new RoutingBench(bench, { classes: 4 });
  const options = (minConfidence: number) => ({ minConfidence, p: 0.4 });
  const rows = [options(0.49), options(0.51)].map((options) => ({ logits: FOUR, options }));
  const { records, mix } = await routing.run(rows, allHere(4));
  assert.equal(records[0].abstained, false);
  assert.deepEqual([records[1].abstained, records[1].base], [true, true]);
  assert.deepEqual([records[1].choices, records[1].applied], [[], []]);
  assert.ok(Math.abs(records[1].confidence - 0.5) < 1e-6);
  assert.deepEqual(mix[1], entriesOf([], allHere(4)));
});

routingTest("the temperature sharpens and flattens; extreme logits stay finite", async (bench) => {
  const hot = new RoutingBench(bench, { classes: 2, temperature: 2 });
  const [record] = await hot.route([{ logits: logsOf(0.8, 0.2), options: { p: 1 } }]);
  assert.deepEqual(mixtureOf(record.choices), [[0, 0.66667], [1, 0.33333]]);
  const plain = new RoutingBench(bench, { classes: 3 });
  const [extreme, low] = await plain.route([
    { logits: [-3.4e38, 3.4e38, 0], options: { p: 1 } },
    { logits: [-3.4028234663852886e38, -3.4028234663852886e38, -3.4028234663852886e38] },
  ]);
  assert.deepEqual(mixtureOf(extreme.choices), [[1, 1], [2, 0], [0, 0]]);
  assert.deepEqual([extreme.failed, extreme.confidence, extreme.entropy], [false, 1, 0]);
  assert.deepEqual(low.choices.map((c) => c.classIndex), [0, 1, 2]);
});

routingTest("a NaN or an infinity refuses its row alone and changes nothing", async (bench) => {
  for (const classes of [1, 4, 512]) {
    const routing = new RoutingBench(bench, { classes });
    const negativeNan = new Float32Array(Uint32Array.of(0xffc00001).buffer)[0];
    const rows = [NaN, negativeNan, Infinity, -Infinity, 1].map((bad) => {
      const logits = new Float32Array(classes);
      logits[classes - 1] = bad;
      return { logits, order: { previous: [] }, options: { minConfidence: 1, hysteresis: 1 } };
    });
    const { records, mix, running } = await routing.run(rows, allHere(classes));
    for (let i = 0; i < 4; i++) {
      const { failed, applied, choices, confidence, entropy, base } = records[i];
      assert.deepEqual([failed, applied, choices, base], [true, null, [], false]);
      assert.deepEqual([confidence, entropy, running[i]], [0, 0, 1]);
      assert.deepEqual(mix[i], untouched(i));
    }
    assert.equal(records[4].failed, false);
  }
  // What overflows with the temperature is an infinity, too.
  const cold = new RoutingBench(bench, { classes: 2, temperature: 1e-3 });
  assert.equal((await cold.route([{ logits: [3e38, 0] }]))[0].failed, true);
});

routingTest("a class that is off takes no part, whatever its logit", async (bench) => {
  const routing = new RoutingBench(bench, { classes: 4 });
  const slots = Uint32Array.of(10, 11, 12, CLASS_OFF);
  const broken = [...FOUR];
  broken[3] = NaN;
  const { records, probabilities } = await routing.run(
    [{ logits: FOUR, options: { p: 0.7 } }, { logits: broken, options: { p: 0.7 } }],
    slots,
  );
  assert.deepEqual(mixtureOf(records[0].choices), [[1, 0.625], [0, 0.375]]);
  assert.deepEqual(records[1], records[0]);
  assert.deepEqual([...probabilities[0]].map((p) => Math.round(p * 1e5)), [30000, 50000, 20000, 0]);
});

routingTest(
  "with every class off the base answers alone, and the record says so",
  async (bench) => {
    const routing = new RoutingBench(bench, { classes: 4 });
    const slots = new Uint32Array(4).fill(CLASS_OFF);
    const previous = [{ classIndex: 2, weight: 1 }];
    const { records, mix, probabilities } = await routing.run([
      { logits: FOUR },
      { logits: FOUR, order: { previous }, options: { hysteresis: 1 } },
      { logits: FOUR, order: { previous: [] } },
    ], slots);
    records.forEach((record, i) => {
      assert.deepEqual([record.noClass, record.base, record.kept], [true, true, i === 2]);
      assert.deepEqual([record.abstained, record.missed, record.failed], [false, false, false]);
      assert.deepEqual([record.applied, record.confidence, record.entropy], [[], 0, 0]);
      assert.deepEqual(mix[i], entriesOf([], slots));
      assert.deepEqual([...probabilities[i]], [0, 0, 0, 0]);
    });
  },
);

routingTest("without a batch row only the record is written", async (bench) => {
  const routing = new RoutingBench(bench, { classes: 4 });
  const slots = Uint32Array.of(10, NO_SLOT, 12, 13);
  const logits = FOUR;
  const { records, mix, running } = await routing.run([
    { logits, order: { row: null } },
    { logits, order: { row: null }, options: { onMiss: "renormalise", p: 1 } },
    { logits, order: { row: 71 }, options: { p: 0 } },
  ], slots);
  assert.equal(records[0].stopped, true);
  assert.deepEqual(mixtureOf(records[1].applied), [[3, 0.66667], [0, 0.2], [2, 0.13333]]);
  mix.slice(0, 71).forEach((words, row) => assert.deepEqual(words, untouched(row)));
  assert.deepEqual(mix[71], entriesOf([{ classIndex: 3, weight: 1 }], slots));
  assert.ok(running.every((value) => value === 1));
});
