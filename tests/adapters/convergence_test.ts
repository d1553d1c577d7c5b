import assert from "node:assert/strict";
import fc from "fast-check";
import { Replica, type ReplicaFault } from "./replica.ts";
import { ManifestObject } from "./registry/manifest_object.ts";

/** What the operator writes: valid content by name, or something broken. */
type Content = Record<string, { url: string; sha256?: string; pinned?: boolean }> | "broken";

type Step =
  | { kind: "write"; content: Content }
  | { kind: "poll"; replica: number; fault: ReplicaFault }
  | { kind: "restart"; replica: number }
  | { kind: "local"; replica: number; name: string };

const NAMES = ["a", "b", "c", "d", "__proto__"];
const REPLICAS = 3;

const adapters = fc.dictionary(
  fc.constantFrom(...NAMES),
  fc.record({
    url: fc.constantFrom("s3://bucket/1", "s3://bucket/2?X-Sig=1", "hf://owner/name@main"),
    sha256: fc.constantFrom("a".repeat(64), "B".repeat(64)),
    pinned: fc.boolean(),
  }, { requiredKeys: ["url"] }),
);

const fault: fc.Arbitrary<ReplicaFault> = fc.oneof(
  fc.constant({ kind: "none" as const }),
  fc.constant({ kind: "unreachable" as const }),
  fc.constant({ kind: "unconditional" as const }),
  fc.nat(4).map((changes) => ({ kind: "fails_after" as const, changes })),
);

const replica = fc.nat(REPLICAS - 1);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("write" as const),
      content: fc.oneof({ weight: 5, arbitrary: adapters }, fc.constant("broken" as const)),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("poll" as const), replica, fault }) },
  fc.record({ kind: fc.constant("restart" as const), replica }),
  fc.record({
    kind: fc.constant("local" as const),
    replica,
    name: fc.constantFrom(...NAMES, "own"),
  }),
);

Deno.test("replicas converge within two polls of the last write, whatever single polls fail", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 40 }),
      adapters,
      fc.array(fault, { minLength: REPLICAS, maxLength: REPLICAS }),
      async (steps, last, lastFaults) => {
        const object = new ManifestObject();
        await withReplicas(object, async (replicas) => {
          for (const each of steps) await play(each, { object, replicas });
          object.write({ version: 1, adapters: last });
          for (const [index, replica] of replicas.entries()) {
            await replica.poll(lastFaults[index]);
            await replica.poll({ kind: "none" });
            assertHolds(replica, last);
          }
        });
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("a replica changes nothing while the manifest is broken or out of reach, also after a restart", async () => {
  const object = new ManifestObject();
  await withReplicas(object, async ([replica]) => {
    const content = { a: { url: "s3://bucket/1" } };
    object.write({ version: 1, adapters: content });
    await replica.poll({ kind: "none" });
    object.write("{");
    await replica.poll({ kind: "none" });
    await replica.restart();
    await replica.poll({ kind: "unreachable" });
    await replica.poll({ kind: "none" });
    assertHolds(replica, content);
  });
});

async function play(
  step: Step,
  { object, replicas }: { object: ManifestObject; replicas: Replica[] },
): Promise<void> {
  switch (step.kind) {
    case "write":
      object.write(step.content === "broken" ? "{" : { version: 1, adapters: step.content });
      return;
    case "poll":
      return await replicas[step.replica].poll(step.fault);
    case "restart":
      return await replicas[step.replica].restart();
    case "local":
      return replicas[step.replica].changeLocally(step.name);
  }
}

/** The replica holds the manifest's names as written, and calls no other name the manifest's. */
function assertHolds(replica: Replica, content: Exclude<Content, "broken">): void {
  const managed = replica.rows().filter(({ owner }) => owner === "manifest");
  assert.deepEqual(managed.map(({ name }) => name), Object.keys(content).sort());
  const wanted = new Map(Object.entries(content));
  for (const { name, url, requiredSha256, pinned } of managed) {
    const { url: wantedUrl, sha256, pinned: wantedPin = pinned } = wanted.get(name)!;
    assert.deepEqual([url, requiredSha256, pinned], [
      wantedUrl,
      sha256?.toLowerCase() ?? null,
      wantedPin,
    ]);
  }
}

async function withReplicas(
  object: ManifestObject,
  run: (replicas: Replica[]) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const replicas = Array.from(
    { length: REPLICAS },
    (_, index) => new Replica(object, `${folder}/${index}/registry.db`),
  );
  try {
    await run(replicas);
  } finally {
    for (const replica of replicas) await replica.stop();
    await Deno.remove(folder, { recursive: true });
  }
}
