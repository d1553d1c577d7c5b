import assert from "node:assert/strict";
import type { GatherOrder, RouterShape } from "../../../../engine/kernels/routing/mod.ts";
import { TOKEN_FAILED, TOKEN_NOTHING } from "../../../../engine/kernels/sampling/mod.ts";
import type { Bench } from "../harness.ts";
import { RoutingBench, routingTest } from "./routing_bench.ts";

const DRAWN = [501, TOKEN_NOTHING, 502, TOKEN_FAILED];

/** The router's input for some texts: each row's ids and mask. */
async function gather(
  bench: Bench,
  orders: GatherOrder[],
  router: Partial<RouterShape> = {},
): Promise<{ ids: number[][]; mask: number[][]; sequence: number }> {
  const routing = new RoutingBench(bench, { classes: 1, ...router });
  bench.gpu.device.queue.writeBuffer(routing.drawn, 0, Uint32Array.from(DRAWN));
  // A longer batch before it must leave nothing behind.
  const longest = Array.from({ length: router.maxTokens ?? 256 }, () => 9);
  routing.kernels.gather(
    bench.recorder,
    orders.map(() => ({ tokens: longest, drawn: null })),
  );
  bench.recorder.submit();
  const { rows, sequence } = routing.kernels.gather(bench.recorder, orders);
  assert.equal(rows, orders.length);
  const ids = await bench.readU32(routing.kernels.inputIds, rows * sequence);
  const mask = await bench.readU32(routing.kernels.attentionMask, rows * sequence);
  const cut = (flat: Uint32Array) =>
    orders.map((_, i) => [...flat.slice(i * sequence, (i + 1) * sequence)]);
  return { ids: cut(ids), mask: cut(mask), sequence };
}

const upTo = (count: number, first = 1) => Array.from({ length: count }, (_, i) => first + i);

routingTest("texts are padded on the right to the longest", async (bench) => {
  const { ids, mask, sequence } = await gather(bench, [
    { tokens: [7, 8], drawn: null },
    { tokens: Uint32Array.of(1, 2, 3, 4), drawn: null },
    { tokens: [], drawn: null },
  ]);
  assert.equal(sequence, 4);
  assert.deepEqual(ids, [[7, 8, 0, 0], [1, 2, 3, 4], [0, 0, 0, 0]]);
  assert.deepEqual(mask, [[1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]]);
});

routingTest("a token just drawn follows its row's text", async (bench) => {
  const { ids, mask } = await gather(bench, [
    { tokens: [7, 8], drawn: 2 },
    { tokens: [], drawn: 0 },
    { tokens: [5], drawn: 1 },
    { tokens: [6], drawn: 3 },
  ]);
  assert.deepEqual(ids, [[7, 8, 502], [501, 0, 0], [5, 0, 0], [6, 0, 0]]);
  assert.deepEqual(mask, [[1, 1, 1], [1, 0, 0], [1, 0, 0], [1, 0, 0]]);
});

routingTest("only the last tokens are seen, the drawn one among them", async (bench) => {
  for (const maxTokens of [1, 4, 256]) {
    const { ids, mask, sequence } = await gather(bench, [
      { tokens: upTo(maxTokens + 300), drawn: null },
      { tokens: upTo(maxTokens + 300), drawn: 0 },
      { tokens: upTo(maxTokens), drawn: 2 },
      { tokens: upTo(maxTokens), drawn: 1 },
      { tokens: upTo(maxTokens - 1), drawn: 0 },
    ], { maxTokens });
    assert.equal(sequence, maxTokens);
    assert.deepEqual(ids, [
      upTo(maxTokens, 301),
      [...upTo(maxTokens - 1, 302), 501],
      [...upTo(maxTokens - 1, 2), 502],
      upTo(maxTokens),
      [...upTo(maxTokens - 1), 501],
    ]);
    for (const row of mask) assert.deepEqual(row, Array(maxTokens).fill(1));
  }
});

routingTest("tokens that the router does not know are passed over", async (bench) => {
  const { ids, mask } = await gather(bench, [
    { tokens: [7, 499, 500, 8], drawn: null },
    { tokens: [7, 0xffffffff, 8], drawn: 0 },
  ], { vocab: 500 });
  assert.deepEqual(ids, [[7, 499, 0, 8], [7, 0, 8, 0]]);
  assert.deepEqual(mask, [[1, 1, 0, 1], [1, 0, 1, 0]]);
});

routingTest("64 full texts fit, one more is refused, none are nothing", async (bench) => {
  const texts = Array.from({ length: 64 }, (_, i) => ({ tokens: upTo(256, i), drawn: null }));
  const { ids } = await gather(bench, texts);
  assert.deepEqual(ids, texts.map(({ tokens }) => tokens));
  const { kernels } = new RoutingBench(bench, { classes: 1 });
  const more = [...texts, texts[0]];
  assert.throws(() => kernels.gather(bench.recorder, more), /65 texts at once: at most 64/);
  assert.deepEqual(kernels.gather(bench.recorder, []), { rows: 0, sequence: 1 });
});
