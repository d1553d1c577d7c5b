import assert from "node:assert/strict";
import { CLASS_OFF, NO_SLOT } from "../../../engine/kernels/mod.ts";
import { ClassTable, slotsOf } from "../../../engine/router/class_table.ts";

Deno.test("classes are the router's labels, then prototypes, whose places are used again", () => {
  const table = new ClassTable(["a", "b"]);
  assert.equal(table.placeOf("x", 2), 0);
  assert.equal(table.placeOf("y", 2), 1);
  assert.equal(table.placeOf("x", 2), 0, "one that is there keeps its place");
  assert.equal(table.placeOf("z", 2), null, "there is no room for a third");
  assert.deepEqual(table.prototypes, ["x", "y"]);
  assert.equal(table.indexOf("y"), 3);
  table.removePrototype("x");
  assert.deepEqual([table.prototypes, table.size, table.indexOf("x")], [["y"], 4, null]);
  assert.equal(table.indexOf("y"), 3, "the others stay where they are");
  assert.equal(table.placeOf("z", 2), 0);
  table.removePrototype("y");
  assert.equal(table.size, 3);
  table.removePrototype("unknown");
  assert.equal(table.size, 3);
});

Deno.test("what has no target is off, what is not on the GPU has no slot", () => {
  const table = new ClassTable(["a", "b", "c"]);
  table.placeOf("gone", 4);
  table.placeOf("x", 4);
  table.removePrototype("gone");
  table.setTargets([
    { label: "a", generation: "here" },
    { label: "b", generation: "elsewhere" },
    { label: "x", generation: null },
    { label: "stranger", generation: "here" },
  ]);
  const slots = slotsOf(table.snapshot(), (generation) => generation === "here" ? 7 : null);
  assert.deepEqual([...slots], [7, NO_SLOT, CLASS_OFF, CLASS_OFF, NO_SLOT]);
  table.setTargets([]);
  assert.ok(slotsOf(table.snapshot(), () => 7).every((slot) => slot === CLASS_OFF));
});
