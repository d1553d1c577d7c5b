import assert from "node:assert/strict";
import { heldOutPrompts } from "../../tools/tasks/generate.ts";
import { TASKS } from "../../tools/tasks/mod.ts";
import { sentenceExamples, trainingContexts } from "../../tools/tasks/router_data.ts";

/** Words are tokens, with the space before them. */
function cut(text: string, at: number): string {
  const end = text.slice(at).match(/^\s*\S+/);
  return text.slice(0, at + end![0].length);
}

Deno.test("a composite's first sentence is seen by the prompt, the next with the answer and a token", () => {
  const examples = sentenceExamples(
    { prompt: "One? Two? Three?", tasks: ["a", "b", "c"] },
    { said: ["Yes.", "not right.", "x."], next: ["Yes.", "nothing at all.", "right now."], cut },
  );
  const user = { role: "user", content: "One? Two? Three?" };
  assert.deepEqual(examples, [
    { input: [user], output: "a" },
    { input: [user, { role: "assistant", content: "Yes. nothing" }], output: "b" },
    { input: [user, { role: "assistant", content: "Yes. not right. right" }], output: "c" },
  ]);
});

Deno.test("training contexts are a function of the seed, of all tasks, and hold no held-out prompt", () => {
  const heldOut = heldOutPrompts();
  const take = (seed: number) => trainingContexts({ seed, heldOut, cut }).take(3000).toArray();
  const contexts = take(7);
  assert.deepEqual(take(7), contexts);
  assert.notDeepEqual(take(8), contexts);
  const seen = new Set(contexts.map(({ output }) => output));
  assert.deepEqual([...seen].sort(), TASKS.map(({ name }) => name).sort());
  for (const { input: [prompt] } of contexts) {
    for (const part of prompt.content.split(/\n\n|\n?(?:First|Then|Question \d): /)) {
      assert.ok(!heldOut.has(part), part);
    }
  }
  assert.ok(contexts.some(({ input }) => input.length === 1));
  assert.ok(contexts.some(({ input }) => input.length === 2));
});
