import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { extractBundle } from "../../../adapters/download/bundle.ts";
import { ADAPTER_REASONS } from "../../../adapters/reasons.ts";
import { WeftError } from "../../../engine/core/errors.ts";
import { GOOD, MAX_BYTES } from "./archive_corpus.ts";
import { concat } from "./zip_builder.ts";

const RUNS = 400;
const FILES = ["adapter_config.json", "adapter_model.safetensors"];

/** What is done to an archive: bytes set, a stretch cut out, a stretch repeated. */
type Damage =
  | { kind: "set"; at: number; to: number }
  | { kind: "cut"; at: number; length: number }
  | { kind: "repeat"; at: number; length: number };

const position = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const damage: fc.Arbitrary<Damage> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("set" as const), at: position, to: fc.nat(255) }),
  },
  fc.record({ kind: fc.constant("cut" as const), at: position, length: fc.nat(600) }),
  fc.record({ kind: fc.constant("repeat" as const), at: position, length: fc.nat(600) }),
);

Deno.test("damaged archives give both files or a typed error, and stay where they belong", async () => {
  const root = await Deno.makeTempDir();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...GOOD),
      fc.array(damage, { minLength: 1, maxLength: 6 }),
      async ({ kind, bytes }, damages) => {
        const into = join(root, "into");
        const archive = join(root, "archive");
        await Deno.mkdir(into);
        await Deno.writeFile(archive, damages.reduce(apply, bytes));
        const signal = new AbortController().signal;
        const error: unknown = await extractBundle(archive, kind, {
          into,
          maxBytes: MAX_BYTES,
          signal,
        })
          .then(() => undefined, (error) => error);
        const left = await namesIn(into);
        if (error === undefined) {
          assert.deepEqual(left, FILES);
          assert.deepEqual(await namesIn(root), ["into"]);
        } else {
          assert.ok(error instanceof WeftError, `threw ${error}`);
          assert.ok(error.reason !== undefined && error.reason in ADAPTER_REASONS, error.message);
          assert.ok(left.every((name) => FILES.includes(name)), left.join());
          assert.deepEqual(await namesIn(root), ["archive", "into"]);
          await Deno.remove(archive);
        }
        await Deno.remove(into, { recursive: true });
      },
    ),
    { numRuns: RUNS },
  );
  await Deno.remove(root, { recursive: true });
});

function apply(bytes: Uint8Array<ArrayBuffer>, damage: Damage): Uint8Array<ArrayBuffer> {
  const at = Math.floor(damage.at * bytes.length);
  if (damage.kind === "set") {
    const changed = bytes.slice();
    if (changed.length > 0) changed[at] = damage.to;
    return changed;
  }
  const stretch = bytes.subarray(at, at + damage.length);
  const rest = bytes.subarray(at + (damage.kind === "cut" ? damage.length : 0));
  return damage.kind === "cut"
    ? concat([bytes.subarray(0, at), rest])
    : concat([bytes.subarray(0, at), stretch, rest]);
}

async function namesIn(directory: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name).sort();
}
