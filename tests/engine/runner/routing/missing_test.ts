import assert from "node:assert/strict";
import { WeftError } from "../../../../engine/core/errors.ts";
import { openOnce } from "../../router/tiny_router.ts";
import { type RoutedRunner, withRoutedRunner } from "./routed_runner.ts";

await openOnce();

const PROMPT = Uint32Array.of(5, 9, 130);
const LENGTH = 40;

/** Brings adapters onto the GPU without a route. */
async function warm(test: RoutedRunner, generations: readonly string[]): Promise<void> {
  for (const generation of generations) {
    const mixture = [{ generation, weight: 1 }];
    test.submit({ id: `warm ${generation}`, promptTokens: PROMPT, mixture, maxTokens: 1 });
  }
  await test.drain();
}

async function steps(test: RoutedRunner, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await test.runner.step();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

Deno.test("an answer whose adapters come late draws what it draws when they are there", async () => {
  let expected: number[] = [];
  await withRoutedRunner({}, async (test) => {
    await warm(test, test.generations);
    test.route({ id: "a", promptTokens: PROMPT, maxTokens: LENGTH });
    await test.drain();
    expected = test.tokens("a");
    assert.deepEqual(test.classes, [], "nothing was missed");
  });
  await withRoutedRunner({
    // Contents are not known before they are fetched.
    targets: (targets) => targets.map(({ label }) => ({ label, generation: null })),
  }, async (test) => {
    test.route({ id: "a", promptTokens: PROMPT, maxTokens: LENGTH });
    await test.drain();
    assert.deepEqual(test.tokens("a"), expected);
    assert.ok(test.classes.length > 0);
    assert.ok(test.runner.routeCounts.misses > 0);
  });
});

Deno.test("what does not come in time is left out, and the others take its weight", async () => {
  let now = 0;
  await withRoutedRunner({ acquireClass: () => {}, now: () => now }, async (test) => {
    test.route({ id: "probe", promptTokens: PROMPT, maxTokens: 1 });
    await steps(test, 3);
    const wanted = test.classes.map(({ label }) => label);
    assert.ok(wanted.length > 1);
    assert.deepEqual(test.sentences("probe"), []);
    test.runner.abort("probe");
    assert.equal(test.released.size, wanted.length, "an aborted request lets its questions go");

    const here = test.generations[test.labels.indexOf(wanted[1])];
    await warm(test, [here]);
    test.route({ id: "a", promptTokens: PROMPT, maxTokens: 1 });
    await steps(test, 3);
    assert.deepEqual(test.sentences("a"), [], "it waits");
    assert.ok(test.runner.nextDeadline! > now);
    now = test.runner.nextDeadline!;
    await test.drain();
    const [{ adapters, missed }] = test.sentences("a");
    assert.deepEqual(adapters, [{ label: wanted[1], generation: here, weight: 1 }]);
    assert.deepEqual(missed, wanted.filter((label) => label !== wanted[1]));
    now = test.runner.nextDeadline!;
    await steps(test, 1);
    assert.equal(test.runner.nextDeadline, null, "nobody waits for ever");
    assert.deepEqual(test.pool.stats().pinned, []);
  });
});

Deno.test("without waiting, what is there answers, and what is missing is brought for the next", async () => {
  await withRoutedRunner({}, async (test) => {
    const options = { onMiss: "renormalise", scope: "prompt" } as const;
    test.route({ id: "first", promptTokens: PROMPT, maxTokens: LENGTH }, options);
    await test.drain();
    const [first] = test.sentences("first");
    assert.deepEqual(first.adapters, []);
    assert.ok(first.missed.length > 1);
    await steps(test, 8);
    test.route({ id: "second", promptTokens: PROMPT, maxTokens: LENGTH }, options);
    await test.drain();
    const [second] = test.sentences("second");
    assert.deepEqual(second.adapters.map(({ label }) => label), first.missed);
    assert.deepEqual(second.missed, []);
    assert.deepEqual(test.pool.stats().pinned, []);
  });
});

Deno.test("an adapter that can't be had is left out at once", async () => {
  await withRoutedRunner({
    acquireClass: (id, label, runner) =>
      runner.classAcquired(id, { error: new WeftError("origin_failed", `${label} is gone`) }),
  }, async (test) => {
    test.route({ id: "a", promptTokens: PROMPT, maxTokens: LENGTH });
    await test.drain();
    test.submit({ id: "base", promptTokens: PROMPT, maxTokens: LENGTH });
    await test.drain();
    assert.deepEqual(test.tokens("a"), test.tokens("base"));
    assert.ok(test.sentences("a").every(({ missed }) => missed.length > 0));
    assert.equal(test.released.size, test.classes.length);
  });
});

Deno.test("classes that are off are not chosen; with none on, the base answers", async () => {
  await withRoutedRunner({ targets: (targets) => targets.slice(2, 3) }, async (test) => {
    test.route({ id: "a", promptTokens: PROMPT, maxTokens: LENGTH });
    await test.drain();
    for (const { adapters } of test.sentences("a")) {
      assert.deepEqual(adapters.map(({ label, weight }) => ({ label, weight })), [
        { label: "task-2", weight: 1 },
      ]);
    }
    test.runner.desk.setClasses([]);
    test.route({ id: "b", promptTokens: PROMPT, maxTokens: LENGTH });
    await test.drain();
    assert.ok(test.sentences("b").every(({ adapters }) => adapters.length === 0));
  });
});
