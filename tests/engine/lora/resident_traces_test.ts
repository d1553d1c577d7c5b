import assert from "node:assert/strict";
import fc from "fast-check";
import { PROJECTIONS } from "../../../engine/core/adapter_weights.ts";
import { WeftError } from "../../../engine/core/errors.ts";
import { type RankRows, rankRows } from "../../../engine/lora/rank_rows.ts";
import { ResidentAdapters } from "../../../engine/lora/resident_adapters.ts";

/** The same books kept naively: every row of every projection knows its owner. */
class NaivePool {
  readonly owners: Record<string, (string | undefined)[]>;
  readonly slots: (string | undefined)[];
  readonly pins = new Map<string, number>();

  constructor(maxAdapters: number, rows: RankRows) {
    this.slots = Array(maxAdapters).fill(undefined);
    this.owners = Object.fromEntries(PROJECTIONS.map((p) => [p, Array(rows[p]).fill(undefined)]));
  }

  put(
    generation: string,
    { slot, offset, need }: { slot: number; offset: RankRows; need: RankRows },
  ): void {
    assert.equal(this.slots[slot], undefined, "slot in use");
    this.slots[slot] = generation;
    for (const p of PROJECTIONS) {
      for (let row = offset[p]; row < offset[p] + need[p]; row++) {
        assert.ok(row < this.owners[p].length, "beyond the pool");
        assert.equal(this.owners[p][row], undefined, "row in use");
        this.owners[p][row] = generation;
      }
    }
  }

  drop(generation: string): void {
    const clear = (owner: string | undefined) => owner === generation ? undefined : owner;
    this.slots.forEach((owner, slot) => this.slots[slot] = clear(owner));
    for (const p of PROJECTIONS) this.owners[p] = this.owners[p].map(clear);
  }

  /** Whether one newcomer fits once these are gone. */
  fits(need: RankRows, gone: (generation: string) => boolean): boolean {
    const isFree = (owner: string | undefined) => owner === undefined || gone(owner);
    const hasRun = (owners: (string | undefined)[], length: number) => {
      let run = 0;
      return length === 0 || owners.some((owner) => (run = isFree(owner) ? run + 1 : 0) >= length);
    };
    return this.slots.some(isFree) && PROJECTIONS.every((p) => hasRun(this.owners[p], need[p]));
  }

  isPinned(generation: string): boolean {
    return (this.pins.get(generation) ?? 0) > 0;
  }
}

const NAMES = Array.from({ length: 14 }, (_, index) => `g${index}`);
const name = fc.constantFrom(...NAMES);
const needs = fc.array(
  fc.tuple(...PROJECTIONS.map(() => fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 9 })))),
  { minLength: NAMES.length, maxLength: NAMES.length },
).map((all) =>
  new Map(all.map((rows, i) => [NAMES[i], rankRows((p) => rows[PROJECTIONS.indexOf(p)])]))
);
const size = fc.record({
  maxAdapters: fc.integer({ min: 1, max: 8 }),
  rows: fc.tuple(...PROJECTIONS.map(() => fc.integer({ min: 6, max: 24 })))
    .map((rows) => rankRows((p) => rows[PROJECTIONS.indexOf(p)])),
});
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("plan" as const), name }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("mix" as const),
      names: fc.uniqueArray(name, { minLength: 1, maxLength: 5 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("pin" as const),
      names: fc.array(name, { maxLength: 4 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("unpin" as const), name }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove" as const), name }) },
);

Deno.test("random traces agree with a map of single rows", () => {
  fc.assert(
    fc.property(
      size,
      needs,
      fc.array(step, { minLength: 20, maxLength: 60 }),
      (size, needs, steps) => {
        const adapters = new ResidentAdapters(size);
        const naive = new NaivePool(size.maxAdapters, size.rows);
        const needOf = (generation: string) => needs.get(generation)!;
        const evict = (generations: string[], kept: string[]) => {
          for (const generation of generations) {
            assert.ok(!naive.isPinned(generation), "evicted though pinned");
            assert.ok(!kept.includes(generation), "evicted though wanted");
            naive.drop(generation);
          }
        };

        for (const step of steps) {
          switch (step.kind) {
            case "plan": {
              const need = needOf(step.name);
              const isHere = adapters.has(step.name);
              const canEver = PROJECTIONS.every((p) => need[p] <= size.rows[p]);
              if (!canEver) {
                assert.throws(() => adapters.plan(step.name, need), { code: "bad_adapter" });
                break;
              }
              const isUnpinned = (generation: string) => !naive.isPinned(generation);
              const fits = naive.fits(need, isUnpinned);
              const before = adapters.residents();
              const plan = adapters.plan(step.name, need);
              if (plan === null) {
                assert.ok(!isHere && !fits, "refused though there is room");
                assert.deepEqual(adapters.residents(), before);
                break;
              }
              assert.equal(adapters.residents().at(-1), step.name);
              if (isHere) {
                assert.deepEqual(plan.evicted, []);
                break;
              }
              for (const spared of plan.evicted) {
                const gone = (generation: string) =>
                  generation !== spared && plan.evicted.includes(generation);
                assert.ok(!naive.fits(need, gone), `${spared} was evicted for nothing`);
              }
              evict(plan.evicted, [step.name]);
              naive.put(step.name, { ...plan, need });
              break;
            }
            case "mix": {
              const before = adapters.residents();
              const requests = step.names.map((generation) => ({
                generation,
                need: needOf(generation),
              }));
              let joint;
              try {
                joint = adapters.planAll(requests);
              } catch (error) {
                assert.ok(error instanceof WeftError);
                joint = null;
                const isTooLarge = step.names.length > size.maxAdapters ||
                  PROJECTIONS.some((p) =>
                    requests.reduce((sum, { need }) => sum + need[p], 0) > size.rows[p]
                  );
                assert.ok(isTooLarge, error.message);
              }
              if (joint === null) {
                assert.deepEqual(adapters.residents(), before);
                const isIdle = before.every((generation) => !naive.isPinned(generation));
                const canEver = step.names.length <= size.maxAdapters &&
                  PROJECTIONS.every((p) =>
                    requests.reduce((sum, { need }) => sum + need[p], 0) <= size.rows[p]
                  );
                assert.ok(!(isIdle && canEver), "refused though nothing is pinned");
                break;
              }
              evict(joint.evicted, step.names);
              for (const { generation, upload } of joint.places) {
                if (upload && before.includes(generation)) {
                  assert.ok(!naive.isPinned(generation), "moved though pinned");
                  naive.drop(generation);
                }
              }
              for (const place of joint.places) {
                if (place.upload) {
                  naive.put(place.generation, {
                    ...place,
                    need: needOf(place.generation),
                  });
                }
              }
              break;
            }
            case "pin": {
              const canPin = step.names.every((generation) => naive.slots.includes(generation));
              assert.equal(adapters.pin(step.names), canPin);
              if (!canPin) break;
              for (const generation of step.names) {
                naive.pins.set(
                  generation,
                  (naive.pins.get(generation) ?? 0) + 1,
                );
              }
              break;
            }
            case "unpin":
              if (naive.isPinned(step.name)) {
                adapters.unpin([step.name]);
                naive.pins.set(step.name, naive.pins.get(step.name)! - 1);
              } else assert.throws(() => adapters.unpin([step.name]), /is not pinned/);
              break;
            case "remove":
              if (!naive.slots.includes(step.name)) {
                assert.throws(() => adapters.remove(step.name), /not on the GPU/);
              } else if (naive.isPinned(step.name)) {
                assert.throws(() => adapters.remove(step.name), /is pinned/);
              } else {
                adapters.remove(step.name);
                naive.drop(step.name);
              }
          }
          adapters.checkIntegrity();
          const here = naive.slots.filter((owner) => owner !== undefined);
          assert.deepEqual(adapters.residents().sort(), here.sort());
          assert.deepEqual(
            adapters.pinned().sort(),
            here.filter((generation) => naive.isPinned(generation!)),
          );
          for (const generation of adapters.residents()) {
            const { slot, offset } = adapters.get(generation)!;
            assert.equal(naive.slots[slot], generation);
            for (const p of PROJECTIONS) {
              const rows = naive.owners[p].slice(offset[p], offset[p] + needOf(generation)[p]);
              assert.ok(rows.every((owner) => owner === generation));
            }
          }
          for (const p of PROJECTIONS) {
            assert.equal(
              adapters.freeRows[p],
              naive.owners[p].filter((owner) => owner === undefined).length,
            );
          }
        }
      },
    ),
    { numRuns: 3000 },
  );
});
