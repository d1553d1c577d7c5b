import assert from "node:assert/strict";
import { corpus } from "../../tools/tasks/corpus.ts";
import { heldOutPrompts } from "../../tools/tasks/generate.ts";
import { createRng, TASKS } from "../../tools/tasks/mod.ts";
import { splitComposites, splitTask } from "../../tools/tasks/splits.ts";

const SIZES = { seed: 7, train: 900, test: 90 };

Deno.test("there are 17 multiple-choice tasks and 9 question-answering tasks, all named differently", () => {
  assert.equal(TASKS.filter((task) => task.kind === "choice").length, 17);
  assert.equal(TASKS.filter((task) => task.kind === "qa").length, 9);
  assert.equal(new Set(TASKS.map((task) => task.name)).size, 26);
});

for (const task of TASKS) {
  Deno.test(`${task.name}: the same seed gives the same examples, another seed others`, () => {
    const first = JSON.stringify(splitTask(task, SIZES));
    assert.equal(JSON.stringify(splitTask(task, SIZES)), first);
    assert.notEqual(JSON.stringify(splitTask(task, { ...SIZES, seed: 8 })), first);
  });

  Deno.test(`${task.name}: no prompt is drawn twice, in training or in test`, () => {
    const { train, test } = splitTask(task, SIZES);
    assert.equal(new Set([...train, ...test].map((example) => example.prompt)).size, 990);
  });

  Deno.test(`${task.name}: training examples asked for on top come after the others`, () => {
    const { train, test } = splitTask(task, { ...SIZES, train: 1260 });
    assert.deepEqual({ train: train.slice(0, 900), test }, splitTask(task, SIZES));
  });

  Deno.test(`${task.name}: every template is used and there are at least three`, () => {
    assert.ok(task.templates.length >= 3);
    const questions = splitTask(task, SIZES).train.map((example) => example.question);
    for (const template of task.templates) {
      const pieces = template.split(/\{\w+\}/);
      assert.ok(questions.some((question) => pieces.every((piece) => question.includes(piece))));
    }
  });

  Deno.test(`${task.name}: an answer is one line, and one of the choices where there are choices`, () => {
    const { train, test } = splitTask(task, SIZES);
    for (const { answer, choices, prompt } of [...train, ...test]) {
      assert.match(answer, /^\S(.*\S)?$/);
      assert.equal(choices !== undefined, task.kind === "choice");
      if (!choices) continue;
      assert.ok(choices.length >= 2 && choices.includes(answer), prompt);
      assert.equal(new Set(choices).size, choices.length, prompt);
      assert.ok(prompt.endsWith(choices.join("\n")), prompt);
    }
  });
}

for (const size of [2, 3]) {
  Deno.test(`a composite of ${size} chains different tasks and answers them in order`, () => {
    const sizes = { seed: 7, train: 50, test: 90, heldOut: heldOutPrompts() };
    const { train, test } = splitComposites(size, sizes);
    assert.equal(new Set([...train, ...test].map((example) => example.prompt)).size, 140);
    for (const { tasks, answers, answer } of [...train, ...test]) {
      assert.equal(new Set(tasks).size, size);
      assert.equal(answers.length, size);
      assert.equal(answers.join(" "), answer);
      assert.ok(answers.every((sentence) => /[.!?]$/.test(sentence)));
    }
  });
}

Deno.test("composites for training asked for on top come after the others and use no held-out prompt", () => {
  const heldOut = heldOutPrompts();
  const sizes = { seed: 7, train: 50, test: 90, heldOut };
  const { train, test } = splitComposites(2, { ...sizes, train: 400 });
  assert.deepEqual({ train: train.slice(0, 50), test }, splitComposites(2, sizes));
  const parts = [...heldOut].filter((prompt) => prompt.length > 40);
  for (const { prompt } of train) assert.ok(!parts.some((part) => prompt.includes(part)), prompt);
});

Deno.test("the pretraining text is a function of its seed and holds no held-out prompt", () => {
  const heldOut = heldOutPrompts();
  const draw = (count: number) => corpus(7, heldOut).take(count).toArray();
  assert.deepEqual(draw(50), draw(50));
  for (const document of draw(2000)) {
    for (const [text] of document) {
      const bare = text.replace(/^(<\|user\|>|Question: |Q: )/, "")
        .replace(/(<\|end\|><\|assistant\|>|\n(Answer:|A:|->)\s)$/, "");
      assert.ok(!heldOut.has(bare), bare);
    }
  }
});

Deno.test("a sample has no repeats and a seed that differs gives another order", () => {
  const items = Array.from({ length: 30 }, (_, i) => i);
  assert.equal(new Set(createRng("a").sample(items, 20)).size, 20);
  assert.notDeepEqual(createRng("a").shuffle(items), createRng("b").shuffle(items));
  assert.throws(() => createRng("a").sample(items, 31), /Cannot sample 31 of 30 items/);
});
