import assert from "node:assert/strict";
import { progressOf } from "../../../routes/process/progress.ts";

function watch(isTerminal: boolean) {
  const texts: string[] = [];
  const logs: [number, number][] = [];
  let now = 0;
  const progress = progressOf("load", {
    isTerminal,
    write: (text) => texts.push(text),
    log: (done, total) => logs.push([done, total]),
    now: () => now,
  });
  return { progress, texts, logs, wait: (ms: number) => now += ms };
}

Deno.test("a person sees one line redrawn, ended when all is done", () => {
  const { progress, texts, wait } = watch(true);
  progress(1, 100 << 20);
  assert.deepEqual(texts, []);
  wait(150);
  progress(50 << 20, 100 << 20);
  progress(100 << 20, 100 << 20);
  assert.deepEqual(texts, [
    `\rload [${"#".repeat(15)}${"-".repeat(15)}]  50 % of 100.0 MiB`,
    `\rload [${"#".repeat(30)}] 100 % of 100.0 MiB\n`,
  ]);
});

Deno.test("a log gets a line a second and none for what is done at once", () => {
  const { progress, texts, logs, wait } = watch(false);
  progress(10, 10);
  wait(500);
  progress(1, 10);
  wait(600);
  progress(5, 10);
  progress(6, 10);
  assert.deepEqual(logs, [[5, 10]]);
  assert.deepEqual(texts, []);
});
