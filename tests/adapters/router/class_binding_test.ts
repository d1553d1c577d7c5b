import assert from "node:assert/strict";
import fc from "fast-check";
import { ClassBinding } from "../../../adapters/mod.ts";
import { WeftError } from "../../../engine/core/errors.ts";
import { FakeAdapters } from "../../routes/fake_adapters.ts";
import { FakeRouter, type FakeRouterOptions } from "../../routes/fake_router.ts";

async function withBinding(
  options: FakeRouterOptions | null,
  test: (setup: {
    router: FakeRouter;
    adapters: FakeAdapters;
    binding: ClassBinding;
    problems: string[];
  }) => Promise<void>,
): Promise<void> {
  const router = new FakeRouter(options);
  const adapters = new FakeAdapters({ sql: "aaaa", chef: "cccc" });
  const problems: string[] = [];
  const binding = new ClassBinding({
    router,
    adapters,
    encode: (text, maxTokens) => Uint32Array.from(new TextEncoder().encode(text)).slice(-maxTokens),
    onProblem: (name) => problems.push(name),
  });
  try {
    await test({ router, adapters, binding, problems });
  } finally {
    await binding.close();
  }
}

function on({ classes }: FakeRouter): Record<string, string | null> {
  return Object.fromEntries(classes.map(({ label, generation }) => [label, generation]));
}

async function open(router: FakeRouter, binding: ClassBinding, labels: string[]): Promise<void> {
  const file = new TextEncoder().encode(JSON.stringify({ labels }));
  await router.open({ file, generation: crypto.randomUUID() });
  binding.routerChanged();
}

Deno.test("a class is on while its name stands for something, with its generation", () =>
  withBinding({}, async ({ router, adapters, binding }) => {
    assert.deepEqual(on(router), { sql: "aaaa" });
    adapters.set("poet", null);
    await binding.settled();
    assert.deepEqual(on(router), { sql: "aaaa", poet: null });
    adapters.set("poet", "bbbb");
    adapters.set("sql", "a2a2");
    await binding.settled();
    assert.deepEqual(on(router), { sql: "a2a2", poet: "bbbb" });
    assert.deepEqual(binding.routingOf("poet"), { kind: "class" });
    adapters.delete("poet");
    assert.deepEqual(on(router), { sql: "a2a2" }, "at once");
    assert.deepEqual(binding.routingOf("poet"), { kind: "none" });
  }));

Deno.test("changes within a turn are one change of the classes", () =>
  withBinding({}, async ({ router, adapters, binding }) => {
    let calls = 0;
    const setClasses = router.setClasses.bind(router);
    router.setClasses = (targets) => {
      calls++;
      setClasses(targets);
    };
    for (let i = 0; i < 100; i++) adapters.set("poet", `${i}`);
    await binding.settled();
    assert.equal(on(router).poet, "99");
    assert.ok(calls <= 3, `${calls} calls`);
  }));

Deno.test("examples make classes, anew with another router, and only of names without one", () =>
  withBinding({}, async ({ router, adapters, binding }) => {
    adapters.set("chef", "cccc", ["Bake.", "Cook."]);
    adapters.set("sql", "aaaa", ["SELECT"]);
    await binding.settled();
    assert.deepEqual(router.examples.get("chef"), ["Bake.", "Cook."]);
    assert.deepEqual(binding.routingOf("chef"), { kind: "prototype", ...router.fit });
    assert.equal(router.examples.has("sql"), false);
    assert.deepEqual(on(router), { sql: "aaaa", chef: "cccc" });
    await open(router, binding, ["chef"]);
    await binding.settled();
    assert.deepEqual([...router.examples], [["sql", ["SELECT"]]]);
    assert.deepEqual(binding.routingOf("chef"), { kind: "class" });
    adapters.set("sql", "aaaa", ["INSERT"]);
    await binding.settled();
    assert.deepEqual([...router.examples], [["sql", ["INSERT"]]]);
  }));

Deno.test("a name that goes while its class is made has none afterwards", () =>
  withBinding({}, async ({ router, adapters, binding }) => {
    const gate = Promise.withResolvers<void>();
    router.gate = gate.promise;
    adapters.set("fresh", "ffff", ["One."]);
    const settled = binding.settled();
    adapters.delete("fresh");
    gate.resolve();
    await settled;
    await binding.settled();
    assert.equal(router.examples.has("fresh"), false);
    assert.deepEqual(on(router), { sql: "aaaa" });
    assert.deepEqual(binding.routingOf("fresh"), { kind: "none" });
  }));

Deno.test("examples that make no class are told once, and tried again with another router", () =>
  withBinding({}, async ({ router, adapters, binding, problems }) => {
    router.refused.set("chef", new WeftError("unsupported", "no features"));
    adapters.set("chef", "cccc", ["Bake."]);
    await binding.settled();
    adapters.set("sql", "bbbb");
    await binding.settled();
    assert.deepEqual(problems, ["chef"]);
    assert.deepEqual(binding.routingOf("chef"), { kind: "none", problem: "no features" });
    assert.deepEqual(on(router), { sql: "bbbb" });
    router.refused.clear();
    await open(router, binding, ["sql"]);
    await binding.settled();
    assert.equal(binding.routingOf("chef").kind, "prototype");
  }));

Deno.test("without a router nothing is bound, and everything once there is one", () =>
  withBinding(null, async ({ router, adapters, binding }) => {
    adapters.set("chef", "cccc", ["Bake."]);
    await binding.settled();
    assert.deepEqual(binding.routingOf("sql"), { kind: "none" });
    await open(router, binding, ["sql"]);
    await binding.settled();
    assert.deepEqual(on(router), { sql: "aaaa", chef: "cccc" });
    await router.close();
    binding.routerChanged();
    assert.deepEqual(binding.routingOf("chef"), { kind: "none" });
  }));

Deno.test("whatever changes come when, the classes end in step with the names", async () => {
  const name = fc.constantFrom("sql", "poet", "chef", "new", "__proto__");
  const step = fc.oneof(
    fc.record({ kind: fc.constant("set" as const), name, examples: fc.boolean() }),
    fc.record({ kind: fc.constant("delete" as const), name }),
    fc.record({ kind: fc.constant("swap" as const), name }),
    fc.record({ kind: fc.constant("wait" as const), name }),
  );
  let count = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      await withBinding({}, async ({ router, adapters, binding }) => {
        for (const step of steps) {
          const { kind, name } = step;
          if (kind === "set") {
            adapters.set(name, `${++count}`, step.examples ? [`${name} ${count}`] : undefined);
          } else if (kind === "delete" && adapters.generations.has(name)) adapters.delete(name);
          else if (kind === "swap") await open(router, binding, [name, "poet2"]);
          else if (kind === "wait") await new Promise((resolve) => setTimeout(resolve, 0));
        }
        await binding.settled();
        const labels = new Set([...router.info!.labels, ...adapters.examples.keys()]);
        const expected = [...labels].filter((label) => adapters.generations.has(label));
        assert.deepEqual(
          new Map(router.classes.map(({ label, generation }) => [label, generation])),
          new Map(expected.map((label) => [label, adapters.generations.get(label)])),
        );
        for (const [label, texts] of router.examples) {
          assert.deepEqual(texts, adapters.examples.get(label), label);
        }
      });
    }),
    { numRuns: 100, seed: 7 },
  );
});
