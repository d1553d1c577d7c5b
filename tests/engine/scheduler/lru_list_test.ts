import assert from "node:assert/strict";
import fc from "fast-check";
import { LruList } from "../../../engine/scheduler/lru_list.ts";

Deno.test("the list behaves like an array of distinct numbers", () => {
  const operation = fc.record({
    kind: fc.constantFrom("push", "delete", "shift"),
    item: fc.nat(9),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const list = new LruList(10);
      const model: number[] = [];
      for (const { kind, item } of operations) {
        const present = model.includes(item);
        if (kind === "shift") assert.equal(list.shift(), model.shift());
        else if ((kind === "push") === present) assert.throws(() => list[kind as "push"](item));
        else if (kind === "push") list.push(item), model.push(item);
        else list.delete(item), model.splice(model.indexOf(item), 1);
        assert.equal(list.size, model.length);
        for (let i = 0; i < 10; i++) assert.equal(list.has(i), model.includes(i));
      }
    }),
    { numRuns: 500 },
  );
});
