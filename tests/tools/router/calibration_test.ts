import assert from "node:assert/strict";
import { calibrate } from "../../../tools/router/calibration.ts";
import { calibrationError, score } from "../../../tools/router/scores.ts";
import { createRng } from "../../../tools/tasks/rng.ts";

const CLASSES = 4;

/** Logits whose classes are drawn from their own softmax, then sharpened by `factor`. */
function drawn(rows: number, factor: number): { logits: Float32Array; right: number[] } {
  const rng = createRng("calibration");
  const logits = new Float32Array(rows * CLASSES);
  const right = Array.from({ length: rows }, (_, row) => {
    const values = Array.from({ length: CLASSES }, () => 4 * rng.next());
    values.forEach((value, c) => logits[row * CLASSES + c] = factor * value);
    const sum = values.reduce((total, value) => total + Math.exp(value), 0);
    let point = rng.next() * sum;
    return Math.max(0, values.findIndex((value) => (point -= Math.exp(value)) < 0));
  });
  return { logits, right };
}

Deno.test("the temperature undoes what made the logits too sharp, or too blunt", () => {
  for (const factor of [0.25, 1, 3]) {
    const { logits, right } = drawn(20_000, factor);
    const { temperature } = calibrate(logits, right, CLASSES);
    assert.ok(Math.abs(temperature / factor - 1) < 0.05, `${temperature}, not ${factor}`);
    const labels = ["a", "b", "c", "d"];
    assert.ok(score(logits, { right, labels, temperature }).calibrationError < 0.015);
  }
});

Deno.test("a nucleus of top_p holds nearly every right class, and min_confidence loses few", () => {
  const { logits, right } = drawn(20_000, 1);
  assert.equal(calibrate(logits, right, CLASSES).topP, 0.99);
  const sure = logits.map((value, i) =>
    i % CLASSES === right[Math.floor(i / CLASSES)] ? 50 : value
  );
  const { topP, minConfidence, temperature } = calibrate(sure, right, CLASSES);
  assert.equal(topP, 0.7);
  assert.equal(minConfidence, 0.4);
  assert.ok(temperature > 0 && Number.isFinite(temperature));
});

Deno.test("the calibration error is the gap between confidence and accuracy, by the bins' shares", () => {
  const verdicts = [
    ...Array.from({ length: 8 }, (_, i) => ({ confidence: 0.9, isRight: i < 6 })),
    ...Array.from({ length: 2 }, () => ({ confidence: 0.5, isRight: true })),
  ];
  assert.ok(Math.abs(calibrationError(verdicts) - (0.8 * 0.15 + 0.2 * 0.5)) < 1e-9);
});

Deno.test("scores count by label, and confusions come most frequent first", () => {
  const named = [0, 0, 1, 1, 2, 2];
  const right = [0, 1, 1, 2, 1, 1];
  const logits = Float32Array.from(named.flatMap((c) => [0, 1, 2].map((k) => k === c ? 2 : 0)));
  const scores = score(logits, { right, labels: ["a", "b", "c"], temperature: 1 });
  assert.equal(scores.accuracy, 2 / 6);
  assert.deepEqual(scores.labels[1], { label: "b", examples: 4, recall: 0.25, precision: 0.5 });
  assert.deepEqual(scores.confusions.map(({ is, named, count }) => [is, named, count]), [
    ["b", "c", 2],
    ["b", "a", 1],
    ["c", "b", 1],
  ]);
});
