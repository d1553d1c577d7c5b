import assert from "node:assert/strict";
import { rankRows, rowsNeeded } from "../../../engine/lora/rank_rows.ts";
import { ResidentAdapters } from "../../../engine/lora/resident_adapters.ts";

/** Needs `q` rows of q_proj and nothing else. */
function need(q: number) {
  return { ...rankRows(() => 0), q };
}

function pool(maxAdapters: number, rows: number): ResidentAdapters {
  return new ResidentAdapters({ maxAdapters, rows: rankRows(() => rows) });
}

/** Fills a pool with adapters named a, b, c, … of these ranks. */
function filled(maxAdapters: number, rows: number, ranks: number[]): ResidentAdapters {
  const adapters = pool(maxAdapters, rows);
  ranks.forEach((rank, index) => assert.ok(adapters.plan("abcdefgh"[index], need(rank))));
  return adapters;
}

Deno.test("an adapter needs its largest rank in any layer, per projection", () => {
  const module = { scale: 1, a: new Float32Array(), b: new Float32Array() };
  const rows = rowsNeeded({
    maxRank: 9,
    modules: [
      { ...module, layer: 0, projection: "q", rank: 4 },
      { ...module, layer: 1, projection: "q", rank: 9 },
      { ...module, layer: 5, projection: "down", rank: 2 },
    ],
  });
  assert.deepEqual(rows, { ...rankRows(() => 0), q: 9, down: 2 });
});

Deno.test("newcomers get consecutive rows and their own slots; who is here keeps its place", () => {
  const adapters = pool(4, 16);
  assert.deepEqual(adapters.plan("a", rankRows(() => 8)), {
    slot: 0,
    offset: rankRows(() => 0),
    evicted: [],
  });
  assert.deepEqual(adapters.plan("b", need(4))?.offset, { ...rankRows(() => 0), q: 8 });
  assert.equal(adapters.plan("b", need(4))?.slot, 1);
  assert.deepEqual(adapters.plan("a", rankRows(() => 8))?.evicted, []);
  assert.deepEqual(adapters.freeRows, { ...rankRows(() => 8), q: 4 });
  adapters.checkIntegrity();
});

Deno.test("the least recently used leaves first, and a use renews", () => {
  const adapters = filled(3, 100, [1, 1, 1]);
  adapters.touch("a");
  assert.deepEqual(adapters.plan("d", need(1))?.evicted, ["b"]);
  adapters.plan("c", need(1));
  assert.deepEqual(adapters.plan("e", need(1))?.evicted, ["a"]);
  assert.deepEqual(adapters.residents(), ["d", "c", "e"]);
});

Deno.test("only those leave whose rows help", () => {
  const adapters = pool(8, 10);
  adapters.plan("mlp", { ...rankRows(() => 0), up: 10 });
  adapters.plan("attention", need(10));
  assert.deepEqual(adapters.plan("new", need(5))?.evicted, ["attention"]);
});

Deno.test("more leave when the free rows lie apart", () => {
  const adapters = filled(8, 12, [4, 4, 4]);
  adapters.remove("b");
  adapters.touch("a");
  // 4 rows are free in the middle; c beside them is the least recently used.
  assert.deepEqual(adapters.plan("d", need(8)), {
    slot: 1,
    offset: { ...rankRows(() => 0), q: 4 },
    evicted: ["c"],
  });

  const apart = filled(8, 12, [4, 4, 4]);
  apart.pin(["b"]);
  assert.equal(apart.plan("d", need(8)), null);
  assert.deepEqual(apart.residents(), ["a", "c", "b"]);
  apart.unpin(["b"]);
  assert.ok(apart.plan("d", need(8)));
});

Deno.test("pinned adapters stay until unpinned as often as pinned", () => {
  const adapters = filled(2, 8, [4, 4]);
  assert.equal(adapters.pin(["a", "b", "a"]), true);
  assert.deepEqual(adapters.pinned().sort(), ["a", "b"]);
  adapters.unpin(["a"]);
  assert.equal(adapters.plan("c", need(1)), null);
  assert.throws(() => adapters.remove("a"), /a is pinned/);
  adapters.unpin(["a"]);
  assert.deepEqual(adapters.plan("c", need(1))?.evicted, ["a"]);
});

Deno.test("pinning is all or nothing, and so is unpinning", () => {
  const adapters = filled(4, 8, [1, 1]);
  assert.equal(adapters.pin(["a", "gone"]), false);
  assert.deepEqual(adapters.pinned(), []);
  adapters.pin(["a"]);
  assert.throws(() => adapters.unpin(["a", "b"]), /b is not pinned 1 times/);
  assert.throws(() => adapters.unpin(["a", "a"]), /a is not pinned 2 times/);
  assert.deepEqual(adapters.pinned(), ["a"]);
});

Deno.test("what could never fit is an error that says how much there is", () => {
  const adapters = pool(2, 8);
  assert.throws(() => adapters.plan("a", need(9)), {
    code: "bad_adapter",
    message: "Cannot place the adapter on the GPU: needs 9 rank rows of q_proj, the pool has 8",
  });
  const request = (generation: string, q: number) => ({ generation, need: need(q) });
  assert.throws(() => adapters.planAll([request("a", 5), request("b", 4)]), {
    code: "unsupported",
    message: /2 adapters together on the GPU: needs 9 rank rows of q_proj/,
  });
  assert.throws(() => adapters.planAll(["a", "b", "c"].map((name) => request(name, 1))), {
    code: "unsupported",
    message: /3 adapters together on the GPU: at most 2 are configured/,
  });
  assert.deepEqual(adapters.residents(), []);
});

Deno.test("a mixture gets all its places or none, and never evicts its own", () => {
  const adapters = filled(3, 12, [4, 4, 4]);
  const request = (generation: string) => ({ generation, need: need(4) });
  const joint = adapters.planAll([request("a"), request("x")]);
  assert.deepEqual(joint?.evicted, ["b"]);
  assert.deepEqual(joint?.places.map(({ generation, upload }) => [generation, upload]), [[
    "a",
    false,
  ], ["x", true]]);
  adapters.pin(["x", "c"]);
  assert.equal(adapters.planAll([request("a"), request("y")]), null);
  assert.deepEqual(adapters.residents(), ["a", "x", "c"]);
});

Deno.test("a mixture in its own way moves", () => {
  const adapters = filled(4, 12, [4, 4, 4]);
  adapters.remove("a");
  adapters.remove("c");
  // b lies in the middle of 12 rows: 8 more fit only if it moves.
  const joint = adapters.planAll([{ generation: "b", need: need(4) }, {
    generation: "d",
    need: need(8),
  }]);
  assert.deepEqual(joint?.places.map(({ offset, upload }) => [offset.q, upload]), [[8, true], [
    0,
    true,
  ]]);
  assert.deepEqual(joint?.evicted, []);
  adapters.checkIntegrity();
});

Deno.test("asking for the same adapter twice in a mixture places it once", () => {
  const adapters = pool(1, 4);
  const request = { generation: "a", need: need(3) };
  const joint = adapters.planAll([request, request]);
  assert.deepEqual(joint?.places.map(({ slot, offset }) => [slot, offset.q]), [[0, 0], [0, 0]]);
  assert.deepEqual(adapters.residents(), ["a"]);
});

Deno.test("an adapter is whole once its last module was written, and is counted from then on", () => {
  const adapters = filled(2, 8, [4, 4]);
  adapters.wrote("a", { last: false });
  assert.equal(adapters.isWhole("a"), false);
  assert.equal(adapters.written("a"), 1);
  assert.deepEqual(adapters.counts, { loads: 0, evictions: 0 });
  adapters.wrote("a", { last: true });
  assert.equal(adapters.isWhole("a"), true);
  assert.throws(() => adapters.wrote("a", { last: true }), /a is written already/);
  adapters.remove("b");
  assert.deepEqual(adapters.counts, { loads: 1, evictions: 0 });
  adapters.remove("a");
  assert.deepEqual(adapters.counts, { loads: 1, evictions: 1 });
});

Deno.test("what moves is to be written again", () => {
  const adapters = filled(4, 12, [4, 4, 4]);
  adapters.remove("a");
  adapters.remove("c");
  adapters.wrote("b", { last: true });
  const request = (generation: string, q: number) => ({ generation, need: need(q) });
  assert.ok(adapters.planAll([request("b", 4), request("d", 8)]));
  assert.equal(adapters.isWhole("b"), false);
  assert.equal(adapters.written("b"), 0);
  adapters.checkIntegrity();
});

Deno.test("held adapters stay although they are the least recently used", () => {
  const adapters = filled(4, 100, [1, 1, 1, 1]);
  adapters.hold({ generation: "a", need: need(1) });
  assert.deepEqual(adapters.plan("e", need(1))?.evicted, ["b"]);
  adapters.unhold("a");
  assert.deepEqual(adapters.plan("f", need(1))?.evicted, ["a"]);
});

Deno.test("a request waits for the pinned rather than displace the held, unless it never fits beside them", () => {
  const adapters = filled(4, 16, [4, 4]);
  adapters.hold({ generation: "a", need: need(4) });
  adapters.pin(["b"]);
  // 12 rows are free once b's request ends.
  assert.equal(adapters.plan("c", need(12)), null);
  assert.deepEqual(adapters.residents(), ["a", "b"]);
  // 13 never are, as long as a stays; but b is pinned now, and has to go first.
  assert.equal(adapters.plan("d", need(13)), null);
  adapters.unpin(["b"]);
  assert.deepEqual(adapters.plan("d", need(13))?.evicted.sort(), ["a", "b"]);
  // a comes back at the expense of nobody but d, who is neither pinned nor held.
  adapters.pin(["d"]);
  assert.equal(adapters.planHeld("a"), null);
  adapters.unpin(["d"]);
  assert.deepEqual(adapters.planHeld("a")?.evicted, ["d"]);
});

Deno.test("no more is held than half of the slots and half of each projection's rows", () => {
  const adapters = pool(5, 16);
  adapters.hold({ generation: "a", need: need(5) });
  const b = { generation: "b", need: need(4) };
  assert.throws(() => adapters.hold(b), {
    code: "overloaded",
    reason: "gpu_full",
    message:
      "Cannot hold another adapter on the GPU: 9 rank rows of q_proj would be held, at most 8 may: half of them",
  });
  assert.equal(adapters.isHeld("b"), false);
  adapters.hold({ generation: "a", need: need(5) });
  adapters.hold({ generation: "c", need: need(3) });
  assert.throws(() => adapters.hold({ generation: "d", need: need(0) }), {
    reason: "gpu_full",
    message:
      "Cannot hold another adapter on the GPU: 3 would be held, at most 2 may: half of the slots",
  });
  adapters.unhold("a");
  adapters.hold(b);
  assert.throws(() => adapters.hold({ generation: "e", need: need(17) }), { code: "bad_adapter" });
});
