import assert from "node:assert/strict";
import fc from "fast-check";
import { Books } from "../../../adapters/disk/books.ts";
import { WeftError } from "../../../engine/core/errors.ts";

type Step =
  | { kind: "add"; name: string; bytes: number }
  | { kind: "use" | "remove" | "pin" | "unpin" | "read" | "leave"; name: string };

const name = fc.constantFrom("a", "b", "c", "d", "e", "f");
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("add" as const),
      name,
      bytes: fc.integer({ min: 1, max: 60 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        "use" as const,
        "remove" as const,
        "pin" as const,
        "unpin" as const,
        "read" as const,
        "leave" as const,
      ),
      name,
    }),
  },
);

Deno.test("in every history the books balance, and only idle, unpinned content leaves, oldest first", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const books = new Books(100);
      const pins = new Map<string, number>();
      for (const step of steps) {
        const content = books.get(step.name);
        if (step.kind === "add") {
          if (content === undefined) add(books, step, pins);
        } else if (step.kind === "pin") {
          books.pin(step.name);
          pins.set(step.name, (pins.get(step.name) ?? 0) + 1);
        } else if (step.kind === "unpin") {
          const count = pins.get(step.name) ?? 0;
          if (count === 0) assert.throws(() => books.unpin(step.name));
          else books.unpin(step.name);
          pins.set(step.name, Math.max(0, count - 1));
        } else if (content !== undefined) {
          if (step.kind === "use") books.use(content);
          if (step.kind === "remove") assert.ok(books.remove(content) && !books.remove(content));
          if (step.kind === "read") content.readers++;
          if (step.kind === "leave" && content.readers > 0) content.readers--;
        }
        books.checkIntegrity();
      }
    }),
    { numRuns: 500 },
  );
});

function add(
  books: Books,
  { name, bytes }: { name: string; bytes: number },
  pins: Map<string, number>,
): void {
  const before = books.contents();
  const isPinned = (generation: string) => (pins.get(generation) ?? 0) > 0;
  let leaving;
  try {
    leaving = books.makeRoom(bytes);
  } catch (error) {
    assert.ok(error instanceof WeftError && error.reason === "disk_full");
    assert.deepEqual(books.contents(), before);
    const pinned = before.filter(({ generation }) => isPinned(generation));
    assert.ok(pinned.reduce((sum, content) => sum + content.bytes, bytes) > 100);
    return;
  }
  if (leaving === null) {
    assert.deepEqual(books.contents(), before);
    assert.ok(before.some(({ readers }) => readers > 0));
    return;
  }
  const movable = before.filter(({ generation, readers }) =>
    !isPinned(generation) && readers === 0
  );
  assert.deepEqual(leaving, movable.slice(0, leaving.length));
  // One fewer would not have done.
  if (leaving.length > 0) assert.ok(books.bytes + leaving[leaving.length - 1].bytes + bytes > 100);
  books.add(name, bytes);
}
