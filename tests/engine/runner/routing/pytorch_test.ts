import assert from "node:assert/strict";
import { openOnce } from "../../router/tiny_router.ts";
import { MODELS } from "../lora_fixture.ts";
import { withRoutedRunner } from "./routed_runner.ts";

await openOnce();

/** What tools/fixtures/routed.py computed with PyTorch in float32. */
interface Expected {
  rows: {
    policy: "carry" | "recompute";
    first_token: "keep" | "redraw";
    prompt: number[];
    greedy: number[];
    sentences: { start: number; weights: Record<string, number> }[];
  }[];
}

const { rows }: Expected = JSON.parse(await Deno.readTextFile(`${MODELS}lora/routed.json`));

Deno.test("a batch of routed answers has PyTorch's sentences, mixtures and greedy tokens", async () => {
  await withRoutedRunner({ sizing: { maxBatch: 16 } }, async (test) => {
    for (const [i, { prompt, greedy, policy, first_token: firstToken }] of rows.entries()) {
      const promptTokens = Uint32Array.from(prompt);
      test.route(
        { id: `${i}`, promptTokens, maxTokens: greedy.length },
        { kvPolicy: policy, firstToken, p: 0.9 },
      );
    }
    await test.drain();
    for (const [i, { greedy, sentences, policy, first_token }] of rows.entries()) {
      const row = `row ${i} (${policy}, ${first_token})`;
      const told = test.sentences(`${i}`);
      assert.deepEqual(test.tokens(`${i}`), greedy, row);
      assert.deepEqual(told.map(({ start }) => start), sentences.map(({ start }) => start), row);
      for (const [j, { weights }] of sentences.entries()) {
        const { adapters } = told[j];
        assert.equal(adapters.length, Object.keys(weights).length, `${row}, sentence ${j}`);
        for (const { label, weight } of adapters) {
          const expected = weights[label.replace("task-", "")];
          assert.ok(Math.abs(weight - expected) < 1e-5, `${row}, sentence ${j}, ${label}`);
        }
      }
    }
  });
});
