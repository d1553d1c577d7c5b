import assert from "node:assert/strict";
import { ClassBinding } from "../../../adapters/mod.ts";
import { FakeRouter } from "../../routes/fake_router.ts";
import { generationOfVariant, variant, withWorld } from "../lifecycle/setup.ts";

const NAMES = Array.from({ length: 12 }, (_, i) => `name-${i}`);
const LABELS = NAMES.slice(0, 8);
const CHANGES = 200;

Deno.test("under many changes at once the classes end in step with the store's names", async () => {
  await withWorld({}, async ({ host, store }) => {
    for (let i = 0; i < 3; i++) host.put(`https://host/${i}`, variant(i));
    const generations = await Promise.all([0, 1, 2].map(generationOfVariant));
    const router = new FakeRouter({ labels: LABELS });
    const encode = (text: string) => Uint32Array.from(new TextEncoder().encode(text));
    const onProblem = (_: string, message: string) => assert.fail(message);
    const binding = new ClassBinding({ router, adapters: store, encode, onProblem });
    let seen = 0;
    const orders = Array.from({ length: CHANGES }, async (_, i) => {
      const name = NAMES[(i * 7) % NAMES.length];
      await new Promise((resolve) => setTimeout(resolve, 4 * i));
      if (i % 5 === 4) {
        if (store.get(name) === undefined) return;
        store.delete(name);
        assert.ok(router.classes.every(({ label }) => label !== name), "off at once");
        return;
      }
      const examples = i % 2 === 0 ? [`${name}, example ${i}`] : undefined;
      // A later order for the name, or its end, may overtake this one.
      await store.startPut(name, { url: `https://host/${i % 3}`, examples }).done
        .then(() => seen++, () => {});
    });
    await Promise.all(orders);
    assert.ok(seen > 0);
    await binding.settled();
    const expected = store.list().filter(({ name }) =>
      LABELS.includes(name) || store.routable(name)?.examples
    );
    assert.deepEqual(
      new Map(router.classes.map(({ label, generation }) => [label, generation])),
      new Map(expected.map(({ name, generation }) => [name, generation])),
    );
    assert.ok(router.classes.length > 3, `${router.classes.length} classes`);
    for (const { generation } of router.classes) assert.ok(generations.includes(generation!));
    await binding.close();
  });
});

Deno.test("after a restart the examples' classes are made again", async () => {
  const examples = ["One.", "Two."];
  await withWorld({}, async (world) => {
    world.host.put("https://host/a", variant(1));
    await world.store.startPut("fresh", { url: "https://host/a", examples }).done;
    await world.restart();
    const router = new FakeRouter({ labels: LABELS });
    const binding = new ClassBinding({
      router,
      adapters: world.store,
      encode: (text) => Uint32Array.from(new TextEncoder().encode(text)),
      onProblem: (_, message) => assert.fail(message),
    });
    await binding.settled();
    assert.deepEqual(router.examples.get("fresh"), examples);
    assert.equal(binding.routingOf("fresh").kind, "prototype");
    await binding.close();
  });
});
