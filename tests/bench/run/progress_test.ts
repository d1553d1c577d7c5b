import assert from "node:assert/strict";
import { Progress } from "../../../bench/run/progress.ts";

Deno.test("a line tells what runs and how long the rest takes at the pace so far", () => {
  const lines: string[] = [];
  let ms = 0;
  const progress = new Progress({ total: 4, write: (line) => lines.push(line), now: () => ms });
  progress.turn("demo/decode", 0);
  ms = 2000;
  progress.turn("demo/decode", 1);
  progress.skip(1);
  ms = 6000;
  progress.turn("http", 1);
  assert.deepEqual(lines, [
    "[1/4] demo/decode, first, uncounted",
    "[2/4, about 6 s left] demo/decode, round 1",
    "[4/4, about 2 s left] http, round 1",
  ]);
});
