import assert from "node:assert/strict";
import {
  CLASS_OFF,
  MAX_CLASSES,
  MAX_FEATURES,
  MAX_PROTOTYPES,
} from "../../../../engine/kernels/routing/mod.ts";
import { routeReference } from "../../../../engine/kernels/routing/reference.ts";
import { randoms } from "../harness.ts";
import { asOnHardware } from "../sampling/sampler_bench.ts";
import {
  allHere,
  assertRecord,
  mixtureOf,
  orderOf,
  RoutingBench,
  routingTest,
} from "./routing_bench.ts";

/** Of unit length, and such that every product and sum is exact in f32. */
function signs(width: number, seed: number): Float32Array {
  return randoms(width, seed).map((value) => Math.sign(value) / Math.sqrt(width));
}

/** scale · (a · b) + bias, exact for `signs`. */
function logitOf(a: Float32Array, b: Float32Array, scale: number, bias: number): number {
  return scale * a.reduce((sum, value, i) => sum + value * b[i], 0) + bias;
}

routingTest("512 prototypes beside 512 classes equal the reference", async (bench) => {
  const width = MAX_FEATURES;
  const routing = new RoutingBench(asOnHardware(bench), {
    classes: MAX_CLASSES,
    features: width,
    temperature: 2,
  });
  const prototypes = Array.from({ length: MAX_PROTOTYPES }, (_, i) => ({
    mean: signs(width, 5000 + i),
    scale: 8 + i % 3,
    bias: i % 5 - 2,
  }));
  routing.setPrototypes(prototypes);
  const slots = allHere(MAX_CLASSES + MAX_PROTOTYPES);
  slots[3] = slots[515] = CLASS_OFF;
  const rows = Array.from({ length: 4 }, (_, i) => ({
    logits: randoms(MAX_CLASSES, 40 + i, 6),
    features: i === 3 ? prototypes[200].mean : signs(width, 60 + i),
    options: { p: 0.05 + 0.2 * i, maxAdapters: 8 },
  }));
  const { records, probabilities } = await routing.run(rows, slots);
  rows.forEach((row, i) => {
    const { record, probabilities: expected, margin } = routeReference({
      logits: row.logits,
      prototypeLogits: Float32Array.from(
        prototypes,
        ({ mean, scale, bias }) => logitOf(row.features, mean, scale, bias),
      ),
      temperature: 2,
      slots,
      order: orderOf(row, i),
    });
    assert.ok(margin > 1e-5);
    assertRecord(records[i], record, `row ${i}`);
    expected.forEach((p, c) => assert.ok(Math.abs(probabilities[i][c] - p) < 1e-6));
  });
  assert.equal(records[3].choices[0].classIndex, MAX_CLASSES + 200);
});

routingTest("prototypes join one by one, are replaced, and leave", async (bench) => {
  for (const width of [1, 3, 64, 65]) {
    const routing = new RoutingBench(bench, { classes: 2, features: width });
    const features = new Float32Array(width);
    features[width - 1] = 1;
    const unlike = features.map((value) => -value);
    const row = { logits: [1, 0], features, options: { p: 0 } };
    const chosen = async (slots: Uint32Array) =>
      mixtureOf((await routing.run([row], slots)).records[0].choices);
    assert.deepEqual(await chosen(allHere(2)), [[0, 1]]);
    routing.kernels.setPrototype(0, { mean: unlike, scale: 5, bias: 0 });
    routing.kernels.setPrototype(1, { mean: features, scale: 5, bias: -3 });
    assert.deepEqual(await chosen(allHere(4)), [[3, 1]]);
    assert.equal(routing.kernels.numClasses, 4);
    routing.kernels.setPrototype(0, { mean: features, scale: 5, bias: -2 });
    assert.deepEqual(await chosen(allHere(4)), [[2, 1]]);
    assert.deepEqual(await chosen(Uint32Array.of(10, 11, CLASS_OFF, CLASS_OFF)), [[0, 1]]);
    assert.deepEqual(await chosen(allHere(2)), [[0, 1]]);
  }
});

routingTest("features that hold a NaN refuse a row where a prototype is on", async (bench) => {
  const routing = new RoutingBench(bench, { classes: 2, features: 4 });
  routing.kernels.setPrototype(0, { mean: Float32Array.of(1, 0, 0, 0), scale: 5, bias: 0 });
  const row = { logits: [1, 0], features: [NaN, 0, 0, 0] };
  const failed = async (slot: number) =>
    (await routing.run([row], Uint32Array.of(10, 11, slot))).records[0].failed;
  assert.equal(await failed(12), true);
  assert.equal(await failed(CLASS_OFF), false);
});

routingTest("what does not fit is refused before it reaches the GPU", async (bench) => {
  assert.throws(() => new RoutingBench(bench, { classes: 513 }), /513 classes: 1 to 512/);
  assert.throws(() => new RoutingBench(bench, { classes: 1, features: 1025 }), /1025 features/);
  const { kernels } = new RoutingBench(bench, { classes: 2, features: 4 });
  const mean = new Float32Array(3);
  assert.throws(() => kernels.setPrototype(0, { mean, scale: 1, bias: 0 }), /router has 4/);
  const right = { mean: new Float32Array(4), scale: 1, bias: 0 };
  assert.throws(() => kernels.setPrototype(512, right), /only 512 fit/);
  assert.throws(() => kernels.setClassSlots(allHere(1)), /2 to 514 are allowed/);
  assert.throws(() => kernels.setClassSlots(allHere(515)), /2 to 514 are allowed/);
  const plain = new RoutingBench(bench, { classes: 2 });
  assert.throws(() => plain.kernels.setPrototype(0, right), /takes no prototypes/);
  assert.throws(() => plain.kernels.setClassSlots(allHere(3)), /2 to 2 are allowed/);
  const row = { logits: [0, 0] };
  await assert.rejects(plain.run(Array(65).fill(row), allHere(2)), /65 texts at once: at most 64/);
  await assert.rejects(plain.run([{ ...row, order: { row: 72 } }], allHere(2)), /no batch row 72/);
});
