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
  readonly held = new Set<string>();
  /** How many modules of whom are there, and who is whole. */
  readonly written = new Map<string, number>();
  readonly whole = new Set<string>();

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
    this.written.set(generation, 0);
    for (const p of PROJECTIONS) {
      for (let row = offset[p]; row < offset[p] + need[p]; row++) {
        assert.ok(row < this.owners[p].length, "beyond the pool");
        assert.equal(this.owners[p][row], undefined, "row in use");
        this.owners[p][row] = generation;
      }
    }
  }

  drop(generation: string): void {
    this.written.delete(generation);
    this.whole.delete(generation);
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
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("write" as const), name, last: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("hold" as const), name }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("place held" as const), name }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("unhold" as const), name }) },
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
              const isUnheld = (generation: string) => !naive.held.has(generation);
              const fitsBeside = naive.fits(need, (one) => isUnpinned(one) && isUnheld(one));
              const displaces = !fitsBeside && !naive.fits(need, isUnheld);
              const fits = fitsBeside || (displaces && naive.fits(need, isUnpinned));
              const before = adapters.residents();
              const plan = adapters.plan(step.name, need);
              if (plan === null) {
                assert.ok(!isHere && !fits, "refused though there is room");
                assert.deepEqual(adapters.residents(), before);
                break;
              }
              if (!isHere) assert.ok(fits, "placed though there is no room");
              if (!displaces) assert.ok(plan.evicted.every(isUnheld), "evicted though held");
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
              break;
            case "write": {
              const { name, last } = step;
              if (!naive.written.has(name)) {
                assert.throws(() => adapters.wrote(name, { last }), /not on the GPU/);
              } else if (naive.whole.has(name)) {
                assert.throws(() => adapters.wrote(name, { last }), /written already/);
              } else {
                adapters.wrote(name, { last });
                naive.written.set(name, naive.written.get(name)! + 1);
                if (last) naive.whole.add(name);
              }
              break;
            }
            case "hold": {
              const request = { generation: step.name, need: needOf(step.name) };
              const all = [...new Set([...naive.held, step.name])];
              const sum = (p: keyof RankRows) => all.reduce((n, one) => n + needOf(one)[p], 0);
              if (naive.held.has(step.name)) {
                adapters.hold(request);
              } else if (PROJECTIONS.some((p) => request.need[p] > size.rows[p])) {
                assert.throws(() => adapters.hold(request), { code: "bad_adapter" });
              } else if (
                2 * all.length > size.maxAdapters ||
                PROJECTIONS.some((p) => 2 * sum(p) > size.rows[p])
              ) {
                assert.throws(() => adapters.hold(request), { reason: "gpu_full" });
              } else {
                adapters.hold(request);
                naive.held.add(step.name);
              }
              break;
            }
            case "unhold":
              adapters.unhold(step.name);
              naive.held.delete(step.name);
              break;
            case "place held": {
              if (!naive.held.has(step.name)) {
                assert.throws(() => adapters.planHeld(step.name), /not held/);
                break;
              }
              const need = needOf(step.name);
              const isHere = adapters.has(step.name);
              const isUnheld = (generation: string) => !naive.held.has(generation);
              const isFree = (generation: string) =>
                isUnheld(generation) && !naive.isPinned(generation);
              if (!isHere && !naive.fits(need, isUnheld)) {
                assert.throws(() => adapters.planHeld(step.name), { reason: "gpu_full" });
                break;
              }
              const plan = adapters.planHeld(step.name);
              assert.equal(plan !== null, isHere || naive.fits(need, isFree));
              if (plan === null || isHere) break;
              assert.ok(plan.evicted.every(isFree), "evicted though pinned or held");
              evict(plan.evicted, [step.name]);
              naive.put(step.name, { ...plan.places[0], need });
            }
          }
          adapters.checkIntegrity();
          const here = naive.slots.filter((owner) => owner !== undefined);
          assert.deepEqual(adapters.residents().sort(), here.sort());
          const { loads, evictions } = adapters.counts;
          assert.equal(loads - evictions, naive.whole.size);
          assert.deepEqual(
            adapters.pinned().sort(),
            here.filter((generation) => naive.isPinned(generation!)),
          );
          for (const generation of adapters.residents()) {
            assert.equal(adapters.written(generation), naive.written.get(generation));
            assert.equal(adapters.isWhole(generation), naive.whole.has(generation));
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
