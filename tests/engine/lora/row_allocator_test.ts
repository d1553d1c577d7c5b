import assert from "node:assert/strict";
import fc from "fast-check";
import { RowAllocator } from "../../../engine/lora/row_allocator.ts";

Deno.test("runs are taken first fit, and what is freed joins its neighbours", () => {
  const rows = new RowAllocator(10);
  assert.deepEqual([3, 3, 4].map((length) => rows.allocate(length)), [0, 3, 6]);
  assert.equal(rows.allocate(1), undefined);
  rows.free({ offset: 0, length: 3 });
  rows.free({ offset: 6, length: 4 });
  assert.equal(rows.freeRows, 7);
  assert.equal(rows.allocate(5), undefined);
  rows.free({ offset: 3, length: 3 });
  assert.equal(rows.allocate(10), 0);
});

Deno.test("nothing fits everywhere, even in an empty pool", () => {
  const rows = new RowAllocator(0);
  assert.equal(rows.allocate(0), 0);
  assert.equal(rows.allocate(1), undefined);
  rows.free({ offset: 0, length: 0 });
  rows.checkIntegrity([]);
});

Deno.test("freeing rows that are free or beyond the pool throws and changes nothing", () => {
  const rows = new RowAllocator(8);
  rows.allocate(6);
  rows.free({ offset: 2, length: 2 });
  for (
    const [offset, length] of [[2, 1], [1, 2], [3, 2], [0, 8], [5, 2], [6, 4], [-1, 1], [1, 4]]
  ) {
    assert.throws(() => rows.free({ offset, length }), RangeError, `${offset}, ${length}`);
  }
  rows.checkIntegrity([{ offset: 0, length: 2 }, { offset: 4, length: 2 }]);
});

Deno.test("the integrity check finds lost rows and rows used twice", () => {
  const rows = new RowAllocator(8);
  rows.allocate(4);
  rows.checkIntegrity([{ offset: 0, length: 4 }]);
  assert.throws(() => rows.checkIntegrity([]), /row 0 is lost/);
  assert.throws(() => rows.checkIntegrity([{ offset: 0, length: 5 }]), /used twice/);
});

Deno.test("random traces agree with a map of single rows", () => {
  const step = fc.record({ length: fc.nat(9), free: fc.boolean(), pick: fc.nat() });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.array(step, { maxLength: 80 }),
      (size, steps) => {
        const rows = new RowAllocator(size);
        const isUsed = Array.from({ length: size }, () => false);
        const runs: { offset: number; length: number }[] = [];
        for (const { length, free, pick } of steps) {
          if (free && runs.length > 0) {
            const [run] = runs.splice(pick % runs.length, 1);
            rows.free(run);
            isUsed.fill(false, run.offset, run.offset + run.length);
          } else if (!free) {
            let expected: number | undefined;
            for (let at = 0; at + length <= size && expected === undefined; at++) {
              if (!isUsed.slice(at, at + length).includes(true)) expected = at;
            }
            const offset = rows.clone().allocate(length);
            assert.equal(offset, expected);
            assert.equal(rows.allocate(length), expected);
            if (offset === undefined) continue;
            runs.push({ offset, length });
            isUsed.fill(true, offset, offset + length);
          }
          assert.equal(rows.freeRows, isUsed.filter((used) => !used).length);
          rows.checkIntegrity(runs);
        }
      },
    ),
    { numRuns: 1000 },
  );
});
