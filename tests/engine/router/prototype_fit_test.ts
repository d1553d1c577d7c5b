import assert from "node:assert/strict";
import { WeftError } from "../../../engine/core/errors.ts";
import type { Prototype } from "../../../engine/kernels/mod.ts";
import {
  decodeReferences,
  encodeReferences,
  fitPrototype,
  referencesPerClass,
  type RouterReferences,
} from "../../../engine/router/mod.ts";

const [WIDTH, CLASSES] = [16, 4];

let state = 1;
/** About normal, of variance 1/3. */
function noise(): number {
  let sum = 0;
  for (let i = 0; i < 4; i++) {
    state = (state * 48271) % 2147483647;
    sum += state / 2147483647 - 0.5;
  }
  return sum;
}

/** A point of length 1 near an axis. */
function near(axis: number, spread: number): Float32Array {
  const values = Float32Array.from(
    { length: WIDTH },
    (_, j) => Number(j === axis) + spread * noise(),
  );
  const length = Math.hypot(...values);
  return values.map((value) => value / length);
}

/** Classes along the first axes, whose logits are ten times the features there. */
function known(spread = 0.2): RouterReferences {
  const weights = new Float32Array(WIDTH * CLASSES);
  for (let c = 0; c < CLASSES; c++) weights[c * CLASSES + c] = 10;
  return {
    references: Array.from({ length: 32 * CLASSES }, (_, i) => ({
      classIndex: i % CLASSES,
      features: near(i % CLASSES, spread),
    })),
    weights,
    biases: new Float32Array(CLASSES),
  };
}

function fit(axis: number, count: number, spread = 0.2) {
  return fitPrototype({
    examples: Array.from({ length: count }, () => near(axis, spread)),
    references: encodeReferences(known(spread)),
    width: WIDTH,
    temperature: 1,
  });
}

/** Whether the new class beats the old ones for a text. */
function wins({ mean, scale, bias }: Prototype, text: Float32Array) {
  const logit = bias + scale * text.reduce((sum, value, j) => sum + value * mean[j], 0);
  return logit > 10 * Math.max(...text.subarray(0, CLASSES));
}

for (const count of [1, 10, 50]) {
  Deno.test(`a class of ${count} examples wins its own kind and leaves the others alone`, async () => {
    const { prototype, won, taken } = await fit(9, count);
    assert.ok(Math.abs(Math.hypot(...prototype.mean) - 1) < 1e-5);
    assert.ok(won === 1 && taken === 0, `won ${won}, taken ${taken}`);
    for (let i = 0; i < 100; i++) {
      assert.ok(wins(prototype, near(9, 0.2)));
      assert.ok(!wins(prototype, near(i % CLASSES, 0.2)));
    }
  });
}

Deno.test("examples of a class that is there already win little, and take nothing", async () => {
  const { prototype, won, taken } = await fit(2, 20);
  assert.ok(won < 0.5, `won ${won}`);
  assert.ok(taken <= 0.01, `taken ${taken}`);
  const lost = Array.from({ length: 200 }, () => near(2, 0.2)).filter((text) =>
    wins(prototype, text)
  );
  assert.ok(lost.length < 10, `${lost.length} of 200`);
});

Deno.test("of a router with 512 classes a class is made within seconds", async () => {
  const [classes, width] = [512, 256];
  const draw = () => {
    const values = Float32Array.from({ length: width }, noise);
    const length = Math.hypot(...values);
    return values.map((value) => value / length);
  };
  const count = classes * referencesPerClass(classes, width);
  const references = encodeReferences({
    references: Array.from({ length: count }, (_, i) => ({
      classIndex: i % classes,
      features: draw(),
    })),
    weights: Float32Array.from({ length: width * classes }, noise),
    biases: new Float32Array(classes),
  });
  const kind = draw();
  const examples = Array.from({ length: 50 }, () => {
    const values = draw().map((value, j) => kind[j] + 0.5 * value);
    const length = Math.hypot(...values);
    return values.map((value) => value / length);
  });
  const began = performance.now();
  const { won, taken } = await fitPrototype({ examples, references, width, temperature: 1 });
  assert.ok(performance.now() - began < 20_000);
  assert.ok(won > 0.9 && taken < 0.01, `won ${won}, taken ${taken}`);
});

Deno.test("the same examples make the same class", async () => {
  state = 5;
  const first = await fit(9, 10);
  state = 5;
  assert.deepEqual(await fit(9, 10), first);
});

Deno.test("references come back as they were written, at the precision of f16", () => {
  const before = known();
  const after = decodeReferences(encodeReferences(before), { features: WIDTH, classes: CLASSES });
  assert.deepEqual(after.weights, before.weights);
  after.references.forEach(({ classIndex, features }, i) => {
    assert.equal(classIndex, before.references[i].classIndex);
    features.forEach((value, j) => {
      assert.ok(Math.abs(value - before.references[i].features[j]) < 1e-3);
    });
  });
});

Deno.test("references never outgrow the metadata, and every class has one", () => {
  for (const [classes, features] of [[2, 8], [26, 256], [512, 256], [512, 1024]]) {
    const count = referencesPerClass(classes, features);
    assert.ok(count >= 1 && count <= 32);
    assert.ok(count * classes <= 16_384 && count * classes * features * 2 * 4 / 3 < 5_000_000);
  }
});

const good = JSON.parse(encodeReferences(known()));
const BAD: [string, unknown, RegExp][] = [
  ["no JSON", "{", /no JSON/],
  ["a number", "7", /"count" is "undefined"/],
  ["a wrong count", { ...good, count: 3 }, /bytes of data, not/],
  ["a huge count", { ...good, count: 1e9 }, /"count" is "1000000000"/],
  ["another width", { ...good, features: 8 }, /"features" is "8"; the router has 16/],
  ["another number of classes", { ...good, classes: 5 }, /"classes" is 5; the router has 4/],
  ["no base64", { ...good, data: "!" }, /no base64/],
  ["no data", { ...good, data: 5 }, /no text/],
  ["a class that isn't there", { ...good, data: `/w${good.data.slice(2)}` }, /has class/],
  ["features of another length", { ...good, data: zeroed(good.data) }, /of length 0\.000, not 1/],
];

/** The same with zeros for all numbers. */
function zeroed(data: string): string {
  return new Uint8Array(Uint8Array.fromBase64(data).length).toBase64();
}

for (const [name, value, message] of BAD) {
  Deno.test(`references with ${name} are refused`, () => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    assert.throws(
      () => decodeReferences(text, { features: WIDTH, classes: CLASSES }),
      (error: unknown) => {
        assert.ok(error instanceof WeftError && error.reason === "bad_router");
        assert.match(error.message, message);
        return true;
      },
    );
  });
}
