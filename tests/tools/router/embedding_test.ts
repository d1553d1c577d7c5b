import assert from "node:assert/strict";
import { Embedding } from "../../../tools/router/embedding.ts";
import { Pools } from "../../../tools/router/pools.ts";
import { createRng } from "../../../tools/tasks/rng.ts";

const TEXT = Uint32Array.of(149_999, 7, 7, 3, 120_000);

function embedding(width = 3): Embedding {
  return new Embedding([TEXT, Uint32Array.of(55)], {
    width,
    pools: new Pools(64),
    rng: createRng("vectors"),
  });
}

Deno.test("only tokens that occur have vectors, the rest of a large vocabulary is drawn for the file", () => {
  const made = embedding();
  assert.equal(made.tokens, 5);
  const before = made.snapshot();
  const full = made.full(150_000, createRng("unseen"));
  assert.equal(full.length, 450_000);
  const rows = made.rowsOf(TEXT);
  TEXT.forEach((token, i) => {
    assert.deepEqual(
      full.subarray(3 * token, 3 * token + 3),
      before.subarray(3 * rows[i], 3 * rows[i] + 3),
    );
  });
  assert.ok(full.every((value) => value !== 0 && Number.isFinite(value)));
  assert.deepEqual([...made.rowsOf(Uint32Array.of(55, 56))], [4, -1]);
});

Deno.test("the gradient is that of the pools, and a step moves only what was pulled at", () => {
  const made = embedding();
  const rows = made.rowsOf(TEXT);
  const weights = Float32Array.from({ length: made.pooledSize }, (_, i) => Math.sin(i));
  const value = () => {
    const pooled = new Float32Array(made.pooledSize);
    made.pool(rows, pooled, 0);
    return pooled.reduce((sum, entry, i) => sum + entry * weights[i], 0);
  };
  // The gradient of a linear function by one number is the difference that 1 makes there.
  const start = made.snapshot();
  const at = value();
  const slopes = Array.from(start, (_, i) => {
    made.restore(start.map((entry, j) => entry + Number(i === j)));
    return value() - at;
  });
  made.restore(start);
  made.pull(rows, weights, 0);
  made.step(0.1);
  made.snapshot().forEach((after, i) => {
    // Adam's first step is the rate, against the sign of the gradient.
    const expected = Math.abs(slopes[i]) < 1e-6 ? 0 : -0.1 * Math.sign(slopes[i]);
    assert.ok(Math.abs(after - start[i] - expected) < 1e-3, `${i}: ${after - start[i]}`);
  });
  const untouched = made.rowsOf(Uint32Array.of(55))[0];
  assert.deepEqual(
    made.snapshot().subarray(3 * untouched, 3 * untouched + 3),
    start.subarray(3 * untouched, 3 * untouched + 3),
  );
});

Deno.test("pools of a text are means: they add up to one, or to less where they hardly reach", () => {
  const pools = new Pools(256);
  for (const length of [1, 2, 5, 100, 256]) {
    const sums = new Array<number>(pools.count).fill(0);
    const table = pools.table(length);
    table.pools.forEach((pool, i) => sums[pool] += table.weights[i]);
    for (const sum of sums) assert.ok(sum >= 0 && sum < 1 + 1e-5);
    assert.ok(Math.abs(sums[0] - 1) < 1e-6);
  }
});
