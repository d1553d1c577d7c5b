import assert from "node:assert/strict";
import { paddedLength, paddedLengths } from "../../../engine/router/mod.ts";

Deno.test("inputs are padded to few lengths, the longest what the router sees", () => {
  assert.deepEqual(paddedLengths(256), [16, 64, 256]);
  assert.deepEqual(paddedLengths(300), [16, 64, 256, 300]);
  assert.deepEqual(paddedLengths(1), [1]);
});

Deno.test("a length is padded to the least that holds it", () => {
  for (const [tokens, padded] of [[0, 16], [1, 16], [16, 16], [17, 64], [65, 256], [256, 256]]) {
    assert.equal(paddedLength(tokens, 256), padded);
  }
});
