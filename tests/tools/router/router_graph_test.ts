import assert from "node:assert/strict";
import { readRouterFile } from "../../../engine/router/mod.ts";
import { poolsPerSide } from "../../../tools/router/pools.ts";
import { routerFile, type RouterWeights } from "../../../tools/router/router_graph.ts";
import { runRouter } from "../../../tools/router/run_router.ts";
import { createRng } from "../../../tools/tasks/rng.ts";
import { metadataOf, openOnce } from "../../engine/router/tiny_router.ts";

const METADATA = Object.fromEntries(
  Object.entries(metadataOf(5)).map(([key, value]) => [key.replace("weft.", ""), value]),
);
await openOnce();

/** Weights drawn at random: 40 tokens of width 6, hidden layers of 10, 5 classes. */
function randomWeights(maxTokens: number): RouterWeights {
  const rng = createRng("weights");
  const draw = (length: number) => Float32Array.from({ length }, () => 2 * rng.next() - 1);
  const inputs = 2 * poolsPerSide(maxTokens) * 6;
  const layers = [[inputs, 10], [10, 10], [10, 10], [10, 5]]
    .map(([from, to]) => ({ weights: draw(from * to), biases: draw(to) }));
  return { embedding: draw(240), tokens: 40, width: 6, maxTokens, layers };
}

/** What the router of these weights says of a text, in float64 and by the definition. */
function reference(
  weights: RouterWeights,
  tokens: Uint32Array,
): { logits: number[]; features: number[] } {
  const { embedding, width, maxTokens, layers } = weights;
  const perSide = poolsPerSide(maxTokens);
  let x: number[] = [];
  for (const side of ["end", "start"]) {
    for (let pool = 0; pool < perSide; pool++) {
      const sums = new Array<number>(width).fill(0);
      let reach = 0;
      tokens.forEach((token, at) => {
        const place = side === "end" ? tokens.length - at : at + 1;
        const weight = Math.max(0, 1 - Math.abs(Math.log2(place) - pool));
        reach += weight;
        for (let j = 0; j < width; j++) sums[j] += weight * embedding[token * width + j];
      });
      x.push(...sums.map((sum) => sum / Math.max(reach, 1)));
    }
  }
  const apply = ({ weights, biases }: RouterWeights["layers"][0]) =>
    Array.from(
      biases,
      (bias, o) => x.reduce((sum, value, i) => sum + value * weights[i * biases.length + o], bias),
    );
  for (const layer of layers.slice(0, 3)) x = apply(layer).map((value) => Math.max(0, value));
  const length = Math.hypot(...x);
  x = x.map((value) => value / length);
  return { features: x, logits: apply(layers[3]) };
}

for (const maxTokens of [64, 100, 256]) {
  Deno.test(`onnxruntime computes what the definition says, up to ${maxTokens} tokens`, async () => {
    const weights = randomWeights(maxTokens);
    const file = routerFile(weights, { ...METADATA, max_tokens: String(maxTokens) });
    const { features, labels } = readRouterFile(file);
    assert.deepEqual([features, labels.length], [10, 5]);
    const rng = createRng("texts");
    const lengths = [1, 2, 3, 7, 16, 17, 33, 63, 64, maxTokens - 1, maxTokens];
    const texts = lengths.map((length) => Uint32Array.from({ length }, () => rng.int(0, 39)));
    const reading = await runRouter(file, texts);
    texts.forEach((tokens, row) => {
      const expected = reference(weights, tokens);
      for (let c = 0; c < 5; c++) {
        const actual = reading.logits[5 * row + c];
        assert.ok(Math.abs(actual - expected.logits[c]) < 2e-4, `${lengths[row]}: ${actual}`);
      }
      for (let j = 0; j < 10; j++) {
        assert.ok(Math.abs(reading.features[10 * row + j] - expected.features[j]) < 2e-4);
      }
    });
  });
}

Deno.test("the order of a text's tokens matters", async () => {
  const file = routerFile(randomWeights(64), METADATA);
  const { logits } = await runRouter(file, [Uint32Array.of(1, 2, 3), Uint32Array.of(3, 2, 1)]);
  assert.ok(Math.abs(logits[0] - logits[5]) > 1e-3);
});
