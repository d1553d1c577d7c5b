import assert from "node:assert/strict";
import { turnsOf } from "../../../../bench/eval/timing/turns.ts";

Deno.test("each round has every series once, and the warm-up too", () => {
  const turns = turnsOf({ counts: [3, 26], rounds: 2, methods: ["single", "auto-3"] });
  // 3 rounds, 2 concurrencies, 2 servers, 2 methods for composites and 1 for single tasks.
  assert.equal(turns.length, 3 * 2 * 2 * (2 + 1));
  const keys = turns.map(({ round, count, method, prompts, concurrency }) =>
    [round, count, method.name, prompts, concurrency].join("/")
  );
  assert.equal(new Set(keys).size, turns.length);
});

Deno.test("no server and no method comes first in every round", () => {
  const turns = turnsOf({ counts: [1, 3], rounds: 3, methods: ["auto", "single"] });
  const firsts = [0, 1, 2, 3].map((round) => turns.find((turn) => turn.round === round)!);
  assert.deepEqual(firsts.map(({ count }) => count), [1, 3, 1, 3]);
  assert.deepEqual(firsts.map(({ method }) => method.name), ["single", "auto", "single", "auto"]);
});

Deno.test("a mixture of three isn't asked of a server with one adapter", () => {
  const turns = turnsOf({ counts: [1, 3], rounds: 1, methods: ["mixture-3"] });
  assert.deepEqual([...new Set(turns.map(({ count }) => count))], [3]);
});
