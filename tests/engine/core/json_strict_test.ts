import assert from "node:assert/strict";
import fc from "fast-check";
import { parseStrictJson } from "../../../engine/core/json_strict.ts";

Deno.test("any JSON value reads as JSON.parse reads it", () => {
  fc.assert(fc.property(fc.json(), (text) => {
    assert.deepEqual(parseStrictJson(text), JSON.parse(text));
  }));
});

Deno.test("pretty-printed JSON with braces, quotes and commas inside strings is read", () => {
  const value = {
    'a"b': ["{", "}", ',"a', "\\"],
    "a": { "a": { "a": '\\"' } },
    "": [{}, { "": 0 }],
  };
  assert.deepEqual(parseStrictJson(JSON.stringify(value, null, 2)), value);
});

for (
  const [what, text] of [
    ["at the top", '{"a": 1, "a": 1}'],
    ["nested", '{"x": [{"a": {"b": 1, "c": [], "b": 2}}]}'],
    ["spelled with an escape", '{"a": 1, "\\u0061": 2}'],
    ["after a nested object", '{"a": {"b": 1}, "c": [1, {"a": 0}], "a": 2}'],
    ["named __proto__", '{"__proto__": 1, "__proto__": 2}'],
    ["empty", '{"": 1, "": 2}'],
  ]
) {
  Deno.test(`a repeated key ${what} is refused`, () => {
    assert.throws(() => parseStrictJson(text), /SyntaxError.*appears twice/);
  });
}

Deno.test("the same key in different objects is no repetition", () => {
  const text = '{"a": {"a": 1}, "b": [{"a": 1}, {"a": 1}, "a", "a"]}';
  assert.deepEqual(parseStrictJson(text), JSON.parse(text));
});

Deno.test("what JSON does not allow is refused", () => {
  for (const text of ["", "{", "{'a': 1}", "[1,]", "NaN", '{"a": 1} x', '"\n"', "\ufeff{}"]) {
    assert.throws(() => parseStrictJson(text), SyntaxError, text);
  }
});
