import assert from "node:assert/strict";
import { openOnce } from "../../router/tiny_router.ts";
import { randomRouter, VOCABULARY, withRoutedRunner } from "./routed_runner.ts";

await openOnce();

const PROMPT = Uint32Array.of(5, 9, 130);

Deno.test("a router is swapped while routed answers run; each sentence names the one that chose", async () => {
  await withRoutedRunner({}, async (test) => {
    const { desk } = test.runner;
    const targets = test.labels.map((label, i) => ({ label, generation: test.generations[i] }));
    test.route({ id: "long", promptTokens: PROMPT, maxTokens: 200 });
    for (let i = 0; i < 8; i++) await test.runner.step();
    const file = randomRouter(test.labels, { seed: 2 });
    const info = await test.during(desk.open({ file, generation: "e".repeat(64) }, VOCABULARY));
    desk.setClasses(targets);
    assert.equal(info.generation, "e".repeat(64));
    await test.drain();
    assert.equal(test.tokens("long").length, 200);
    const routers = test.sentences("long").map(({ router }) => router[0]).join("");
    assert.match(routers, /^f+e+$/);
    assert.deepEqual(test.pool.stats().pinned, []);
  });
});

Deno.test("a bad router, or one for another tokenizer, leaves the one before in place", async () => {
  await withRoutedRunner({}, async (test) => {
    const { desk } = test.runner;
    const before = desk.info;
    await assert.rejects(
      test.during(
        desk.open({ file: new Uint8Array([1, 2, 3]), generation: "b".repeat(64) }, VOCABULARY),
      ),
      { code: "bad_adapter", reason: "bad_router" },
    );
    await assert.rejects(
      test.during(
        desk.open(
          { file: randomRouter(test.labels, { bad: 0 }), generation: "b".repeat(64) },
          VOCABULARY,
        ),
      ),
      /its logits are not numbers/,
    );
    const file = randomRouter(test.labels);
    const other = { ...VOCABULARY, hash: "1".repeat(64) };
    await assert.rejects(
      test.during(desk.open({ file, generation: "b".repeat(64) }, other)),
      /made for the tokenizer 0+, the base model's is 1+/,
    );
    assert.deepEqual(desk.info, before);
    test.route({ id: "a", promptTokens: PROMPT });
    await test.drain();
    assert.ok(test.sentences("a").length > 0);
  });
});

Deno.test("without a router, answers keep the mixture they have and new ones are refused", async () => {
  await withRoutedRunner({}, async (test) => {
    test.route({ id: "running", promptTokens: PROMPT, maxTokens: 100 });
    for (let i = 0; i < 8; i++) await test.runner.step();
    await test.during(test.runner.desk.close());
    const known = test.sentences("running").length;
    test.route({ id: "new", promptTokens: PROMPT });
    await test.drain();
    assert.equal(test.tokens("running").length, 100);
    assert.equal(test.sentences("running").length, known);
    assert.equal(test.outcomes.get("new")!.error!.reason, "no_router");
  });
});
