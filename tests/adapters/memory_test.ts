import assert from "node:assert/strict";
import fc from "fast-check";
import { AdapterMemory, type Resident } from "../../adapters/memory.ts";
import type { AdapterWeights } from "../../engine/core/adapter_weights.ts";
import { WeftError } from "../../engine/core/errors.ts";

/** An adapter of so many f32 values. */
function weights(generation: string, values: number): AdapterWeights {
  const module = { layer: 0, projection: "q", rank: 1, scale: 1 } as const;
  return {
    generation,
    maxRank: 1,
    modules: [{ ...module, a: new Float32Array(values), b: new Float32Array() }],
  };
}

function addIdle(memory: AdapterMemory, generation: string, values: number): void {
  memory.release(memory.add(weights(generation, values)));
}

Deno.test("the least recently used leaves when room is needed", () => {
  const memory = new AdapterMemory(40);
  for (const generation of ["a", "b"]) addIdle(memory, generation, 5);
  memory.release(memory.hold(memory.get("a")!));
  addIdle(memory, "c", 2);
  assert.deepEqual(["a", "b", "c"].map((generation) => memory.has(generation)), [
    true,
    false,
    true,
  ]);
  assert.equal(memory.bytes, 28);
  assert.equal(memory.evictions, 1);
});

Deno.test("what is held stays, and a newcomer that finds no room changes nothing", () => {
  const memory = new AdapterMemory(40);
  const held = memory.add(weights("a", 6));
  addIdle(memory, "b", 4);
  assert.throws(() => memory.add(weights("c", 5)), {
    code: "overloaded",
    retryAfterSeconds: 1,
    message: /takes 20 bytes, but running requests and pins hold 24 of the 40/,
  });
  assert.ok(memory.has("b"));
  memory.release(held);
  memory.add(weights("c", 5));
  assert.ok(!memory.has("a") && memory.has("b"));
});

Deno.test("an adapter larger than the budget is refused", () => {
  assert.throws(() => new AdapterMemory(40).add(weights("a", 11)), {
    code: "bad_adapter",
    message: /takes 44 bytes of memory, more than the 40 configured/,
  });
});

Deno.test("random traces keep the books balanced and never drop what is held", () => {
  const step = fc.tuple(fc.constantFrom("add", "hold", "release"), fc.nat(7));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const memory = new AdapterMemory(80);
      const held: Resident[] = [];
      for (const [kind, index] of steps) {
        const resident = memory.get(`g${index}`);
        try {
          if (kind === "add") held.push(memory.add(weights(`g${index}`, index)));
          else if (kind === "hold" && resident) held.push(memory.hold(resident));
          else if (held.length > 0) memory.release(held.splice(index % held.length, 1)[0]);
        } catch (error) {
          assert.ok(error instanceof WeftError && error.code === "overloaded", String(error));
        }
        memory.checkIntegrity();
        for (const resident of held) {
          assert.equal(memory.get(resident.weights.generation), resident);
        }
      }
    }),
    { numRuns: 1000 },
  );
});
