import assert from "node:assert/strict";
import {
  diffManifest,
  type Manifest,
  type ManifestAdapter,
} from "../../../adapters/registry/mod.ts";
import { hex, registryRow } from "./rows.ts";

const URL_A = "s3://bucket/a";

Deno.test("a manifest that is in place asks for nothing", () => {
  const rows = [
    registryRow({
      name: "a",
      owner: "manifest",
      url: URL_A,
      requiredSha256: hex("a"),
      pinned: true,
    }),
    registryRow({ name: "listed", owner: "catalogue" }),
    registryRow({ name: "put", owner: "api" }),
  ];
  const manifest = manifestOf({ a: { url: URL_A, sha256: hex("a"), pinned: true } });
  assert.deepEqual(diffManifest(rows, manifest), {
    add: [],
    change: [],
    remove: [],
    conflicts: [],
  });
});

Deno.test("names that are missing or deleted are added", () => {
  const rows = [registryRow({ name: "a", owner: "catalogue", deleted: true })];
  const { add, change, conflicts } = diffManifest(rows, manifestOf({ a: {}, b: { pinned: true } }));
  assert.deepEqual(add, [
    { name: "a", url: URL_A, sha256: null, pinned: null, examples: null },
    { name: "b", url: URL_A, sha256: null, pinned: true, examples: null },
  ]);
  assert.deepEqual([change, conflicts], [[], []]);
});

Deno.test("another URL, pin of content or pin in memory is a change", () => {
  const changes = [
    { url: "s3://bucket/b" },
    { sha256: hex("c") },
    { pinned: true },
    { examples: ["Write a query."] },
  ];
  for (const wanted of changes) {
    const rows = [registryRow({ name: "a", owner: "manifest", url: URL_A })];
    const { change } = diffManifest(rows, manifestOf({ a: wanted }));
    assert.deepEqual(change, [{
      name: "a",
      url: URL_A,
      sha256: null,
      pinned: null,
      examples: null,
      ...wanted,
    }]);
  }
  const required = [
    registryRow({ name: "a", owner: "manifest", url: URL_A, requiredSha256: hex("c") }),
  ];
  assert.equal(diffManifest(required, manifestOf({ a: {} })).change.length, 1);
});

Deno.test("a manifest that doesn't mention pinning leaves it to the replica", () => {
  for (const pinned of [true, false]) {
    const rows = [registryRow({ name: "a", owner: "manifest", url: URL_A, pinned })];
    assert.deepEqual(diffManifest(rows, manifestOf({ a: {} })).change, []);
  }
});

Deno.test("the manifest takes names over from a catalogue and the API, and says so", () => {
  const rows = [
    registryRow({ name: "a", owner: "catalogue", url: URL_A }),
    registryRow({ name: "b", owner: "api", url: "s3://bucket/other" }),
  ];
  const { change, conflicts, remove } = diffManifest(rows, manifestOf({ a: {}, b: {} }));
  assert.deepEqual(change.map(({ name }) => name), ["a", "b"]);
  assert.deepEqual(conflicts, [{ name: "a", owner: "catalogue" }, { name: "b", owner: "api" }]);
  assert.deepEqual(remove, []);
});

Deno.test("only the manifest's own names are removed, and only once", () => {
  const rows = [
    registryRow({ name: "gone", owner: "manifest" }),
    registryRow({ name: "gone-before", owner: "manifest", deleted: true }),
    registryRow({ name: "listed", owner: "catalogue" }),
    registryRow({ name: "put", owner: "api" }),
  ];
  assert.deepEqual(diffManifest(rows, manifestOf({})).remove, ["gone"]);
});

function manifestOf(adapters: Record<string, Partial<ManifestAdapter>>): Manifest {
  const defaults: ManifestAdapter = { url: URL_A, sha256: null, pinned: null, examples: null };
  return {
    adapters: new Map(
      Object.entries(adapters).map(([name, adapter]) => [name, { ...defaults, ...adapter }]),
    ),
  };
}
