import assert from "node:assert/strict";
import { best } from "../../../engine/tuning/turns.ts";

Deno.test("another choice than the first must be clearly faster", () => {
  assert.equal(best(new Map([["a", 100], ["b", 98], ["c", 99]])), "a");
  assert.equal(best(new Map([["a", 100], ["b", 90], ["c", 89]])), "c");
  assert.equal(best(new Map([["a", 100]])), "a");
});
