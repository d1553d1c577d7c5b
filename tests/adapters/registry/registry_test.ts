import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { Registry, type RegistryRow } from "../../../adapters/registry/mod.ts";
import { hex, registryRow } from "./rows.ts";

Deno.test("rows and settings are there after closing and opening again", () =>
  inFolder((path) => {
    const rows = [
      registryRow({ name: "a", pinned: true, requiredSha256: hex("c") }),
      registryRow({
        name: "b",
        owner: "catalogue",
        place: "s3://bucket/",
        generation: null,
        version: null,
        sha256: null,
        rank: null,
        bytes: null,
        targetModules: null,
      }),
      registryRow({ name: "c", owner: "manifest", deleted: true, targetModules: [] }),
    ];
    {
      using registry = Registry.open(path);
      assert.deepEqual(registry.rows(), []);
      assert.equal(registry.setting("manifest"), null);
      registry.putAll([rows[2], rows[0]]);
      registry.put(rows[1]);
      registry.setSetting("manifest", "old");
      registry.setSetting("manifest", 'W/"e1"');
    }
    using registry = Registry.open(path);
    assert.deepEqual(registry.rows(), rows);
    assert.equal(registry.setting("manifest"), 'W/"e1"');
  }));

Deno.test("a registry of before there were examples is brought up to date, rows and all", () =>
  inFolder((path) => {
    Registry.open(path)[Symbol.dispose]();
    const db = new DatabaseSync(path);
    db.exec("ALTER TABLE adapters DROP COLUMN examples; PRAGMA user_version = 1");
    db.exec(
      "INSERT INTO adapters (name, url, owner, pinned, deleted) VALUES ('old', 'u', 'api', 1, 0)",
    );
    db.close();
    using registry = Registry.open(path);
    const [row] = registry.rows();
    assert.deepEqual([row.name, row.pinned, row.examples], ["old", true, null]);
    registry.put({ ...row, examples: ["one", "two"] });
    assert.deepEqual(registry.rows()[0].examples, ["one", "two"]);
  }));

Deno.test("a row replaces the one of its name, and a removed one is gone", () =>
  inFolder((path) => {
    using registry = Registry.open(path);
    registry.put(registryRow({ pinned: true }));
    registry.put(registryRow({ url: "s3://bucket/other" }));
    assert.deepEqual(registry.rows(), [registryRow({ url: "s3://bucket/other" })]);
    registry.remove("sql");
    registry.remove("sql");
    assert.deepEqual(registry.rows(), []);
  }));

Deno.test("whatever a valid row holds comes back as it was", () =>
  inFolder((path) => {
    using registry = Registry.open(path);
    fc.assert(fc.property(validRow, (row) => {
      registry.put(row);
      assert.deepEqual(registry.rows(), [row]);
      registry.remove(row.name);
    }));
  }));

Deno.test("a row that could not be read back is not written, nor any beside it", () =>
  inFolder((path) => {
    using registry = Registry.open(path);
    const bad: [Partial<RegistryRow>, RegExp][] = [
      [{ name: "../x" }, /row of a bad name .*field name/],
      [{ url: "" }, /row of "sql" .*field url/],
      [{ url: "s3://b/\0x" }, /field url/],
      [{ version: "\ud800" }, /field version/],
      [{ bytes: Number.NaN }, /field bytes/],
      [{ bytes: 2 ** 53 }, /field bytes/],
      [{ rank: 0 }, /field rank/],
      [{ rank: 1.5 }, /field rank/],
      [{ sha256: "AB" }, /field sha256/],
      [{ owner: "someone" as "api" }, /field owner/],
      [{ secret: 1 } as Partial<RegistryRow>, /row of "sql"/],
    ];
    for (const [changes, message] of bad) {
      const rows = [registryRow({ name: "good" }), registryRow(changes)];
      assert.throws(() => registry.putAll(rows), { name: "WeftError", message });
    }
    assert.throws(() => registry.setSetting("a", "b\0"), { name: "WeftError" });
    assert.deepEqual(registry.rows(), []);
  }));

Deno.test("putAll that fails midway leaves everything as it was", () =>
  inFolder((path) => {
    using registry = Registry.open(path);
    registry.put(registryRow());
    const other = new DatabaseSync(path);
    other.exec(`CREATE TRIGGER refuse BEFORE INSERT ON adapters WHEN NEW.name = 'bad'
      BEGIN SELECT RAISE(ABORT, 'refused'); END`);
    other.close();
    const rows = ["a", "bad", "z"].map((name) => registryRow({ name }));
    assert.throws(() => registry.putAll(rows), { message: /Cannot write the registry .*refused/ });
    assert.deepEqual(registry.rows(), [registryRow()]);
    registry.putAll([rows[0]]);
    assert.equal(registry.rows().length, 2);
  }));

Deno.test("removeAll forgets all names or none", () =>
  inFolder((path) => {
    using registry = Registry.open(path);
    registry.putAll(["a", "b", "kept"].map((name) => registryRow({ name })));
    registry.removeAll(["a", "b", "absent"]);
    assert.deepEqual(registry.rows().map(({ name }) => name), ["kept"]);
    registry.put(registryRow({ name: "a" }));
    const other = new DatabaseSync(path);
    other.exec(`CREATE TRIGGER refuse BEFORE DELETE ON adapters WHEN OLD.name = 'kept'
      BEGIN SELECT RAISE(ABORT, 'refused'); END`);
    other.close();
    assert.throws(() => registry.removeAll(["a", "kept"]), { message: /refused/ });
    assert.equal(registry.rows().length, 2);
  }));

Deno.test("the files are for their user alone, also ones that were open to others", () =>
  inFolder((path) => {
    using registry = Registry.open(path);
    registry.put(registryRow());
    for (const suffix of ["", "-wal", "-shm"]) assert.equal(modeOf(path + suffix), 0o600);
    registry.close();
    Deno.chmodSync(path, 0o644);
    using again = Registry.open(path);
    again.put(registryRow());
    for (const suffix of ["", "-wal", "-shm"]) assert.equal(modeOf(path + suffix), 0o600);
  }));

Deno.test("a missing directory is made, for its user alone", () =>
  inFolder((path) => {
    const inner = path.replace("registry.db", "state/of/weft/registry.db");
    using registry = Registry.open(inner);
    assert.deepEqual(registry.rows(), []);
    assert.equal(modeOf(inner.replace("/registry.db", "")), 0o700);
  }));

Deno.test("commits go into a write-ahead log, so that readers never wait", () =>
  inFolder((path) => {
    using registry = Registry.open(path);
    registry.put(registryRow());
    using other = new DatabaseSync(path);
    assert.deepEqual({ ...other.prepare("PRAGMA journal_mode").get() }, { journal_mode: "wal" });
  }));

Deno.test("2,000 rows are committed, and read at the next start, well within a second", () =>
  inFolder((path) => {
    const rows = Array.from({ length: 2000 }, (_, i) => registryRow({ name: `adapter-${i}` }));
    const beforeWrite = performance.now();
    {
      using registry = Registry.open(path);
      registry.putAll(rows);
    }
    const beforeRead = performance.now();
    using registry = Registry.open(path);
    assert.equal(registry.rows().length, 2000);
    const end = performance.now();
    // About 30 ms and 20 ms on two free cores; a machine under load may take many times that.
    assert.ok(beforeRead - beforeWrite < 1000, `writing took ${beforeRead - beforeWrite} ms`);
    assert.ok(end - beforeRead < 1000, `reading took ${end - beforeRead} ms`);
  }));

Deno.test("two connections see each other's commits", () =>
  inFolder((path) => {
    using first = Registry.open(path);
    using second = Registry.open(path);
    first.put(registryRow({ name: "a" }));
    second.put(registryRow({ name: "b" }));
    assert.deepEqual(first.rows(), second.rows());
    assert.equal(first.rows().length, 2);
  }));

Deno.test("a registry that another process holds locked says so", () =>
  inFolder((path) => {
    using registry = Registry.open(path);
    using other = new DatabaseSync(path);
    other.exec("BEGIN IMMEDIATE");
    assert.throws(() => registry.put(registryRow()), {
      code: "unavailable",
      message: /another process is writing to it.*state directory of its own/,
    });
    other.exec("ROLLBACK");
    registry.put(registryRow());
  }));

Deno.test("after close, closing again does nothing and any use says that it was closed", () =>
  inFolder((path) => {
    const registry = Registry.open(path);
    registry.close();
    registry.close();
    assert.throws(() => registry.rows(), { name: "WeftError", message: /it was closed/ });
    assert.throws(() => registry.put(registryRow()), { name: "WeftError" });
  }));

const validRow: fc.Arbitrary<RegistryRow> = (() => {
  const text = fc.string({ unit: "grapheme", minLength: 1 }).filter((value) =>
    value.isWellFormed() && !value.includes("\0")
  );
  const sha256 = fc.option(
    fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 64, maxLength: 64 }),
  );
  return fc.record({
    name: fc.oneof(fc.stringMatching(/^[A-Za-z0-9._-]{1,128}$/), fc.constant("__proto__")),
    url: text,
    owner: fc.constantFrom("catalogue" as const, "manifest" as const, "api" as const),
    place: fc.option(text),
    generation: sha256,
    version: fc.option(text),
    sha256,
    rank: fc.option(fc.integer({ min: 1 })),
    bytes: fc.option(fc.maxSafeNat()),
    targetModules: fc.option(fc.array(text)),
    pinned: fc.boolean(),
    requiredSha256: sha256,
    examples: fc.option(fc.array(text, { minLength: 1, maxLength: 3 })),
    deleted: fc.boolean(),
  }, { noNullPrototype: true });
})();

function modeOf(path: string): number {
  return Deno.statSync(path).mode! & 0o777;
}

function inFolder(run: (path: string) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    run(`${folder}/registry.db`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}
