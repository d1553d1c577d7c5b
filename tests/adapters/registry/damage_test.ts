import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { Registry } from "../../../adapters/registry/mod.ts";
import { WeftError } from "../../../engine/core/errors.ts";
import { hex, registryRow } from "./rows.ts";

const SECRET = "X-Amz-Signature";

Deno.test("what is no registry is refused, with its path and what to do", async (t) => {
  const cases: [string, (path: string) => void, RegExp][] = [
    ["text", (path) => Deno.writeTextFileSync(path, "not a database\n".repeat(500)), /move it/],
    ["a short text", (path) => Deno.writeTextFileSync(path, "no"), /move it/],
    ["zeroed pages", damage, /move it/],
    ["a cut file", (path) => Deno.truncateSync(path, 5000), /move it/],
    ["a directory", (path) => {
      Deno.removeSync(path);
      Deno.mkdirSync(path);
    }, /is not a file.*must be a file/],
    ["no table", edit("DROP TABLE adapters"), /no such table.*move it/],
    ["no such column", edit("ALTER TABLE adapters DROP COLUMN version"), /no such column.*move it/],
    ["another program's", edit("PRAGMA application_id = 7"), /another program's/],
    ["a newer version", edit("PRAGMA user_version = 99"), /version 99, of a newer Weft/],
  ];
  for (const [name, change, message] of cases) {
    await t.step(name, () =>
      withRegistry((path) => {
        change(path);
        assert.throws(() => Registry.open(path), (error: unknown) => {
          assert.ok(error instanceof WeftError);
          assert.ok(error.message.startsWith(`Cannot open the registry ${JSON.stringify(path)}: `));
          assert.match(error.message, message);
          return true;
        });
      }));
  }
});

Deno.test("another program's database is left as it was", () =>
  withRegistry((path) => {
    Deno.removeSync(path);
    const db = new DatabaseSync(path);
    db.exec("CREATE TABLE other (a); PRAGMA user_version = 3");
    db.close();
    const before = Deno.readFileSync(path);
    assert.throws(() => Registry.open(path), { code: "unsupported" });
    assert.deepEqual(Deno.readFileSync(path), before);
  }));

Deno.test("what a crash amid the first start may leave is a new registry", async (t) => {
  const leftovers: [string, (path: string) => void][] = [
    ["an empty file", () => {}],
    ["a database in WAL mode without tables", edit("PRAGMA journal_mode = WAL")],
  ];
  for (const [name, leave] of leftovers) {
    await t.step(name, () =>
      withRegistry((path) => {
        Deno.truncateSync(path);
        leave(path);
        using registry = Registry.open(path);
        registry.put(registryRow());
        assert.equal(registry.rows().length, 1);
      }));
  }
});

Deno.test("a place where no file can be made is refused clearly", () =>
  withRegistry((path) => {
    for (const place of [`${path}/inside/registry.db`, "/proc/registry.db"]) {
      assert.throws(() => Registry.open(place), {
        code: "unavailable",
        message: /^Cannot open the registry ".*registry\.db": .*may read and write/,
      });
    }
  }));

Deno.test({
  name: "a directory that can't be written is refused clearly",
  // Nothing is closed to root.
  ignore: Deno.uid() === 0,
  fn: () =>
    withRegistry((path) => {
      const folder = path.replace("/registry.db", "");
      Deno.chmodSync(folder, 0o500);
      try {
        for (const place of [path, `${folder}/new.db`]) {
          assert.throws(() => Registry.open(place), { code: "unavailable" });
        }
      } finally {
        Deno.chmodSync(folder, 0o700);
      }
    }),
});

Deno.test("a row that makes no sense is named with its field, and its URL is not quoted", async (t) => {
  const cases: [string, RegExp][] = [
    ["owner = 'x'", /row of "sql".*field owner/],
    ["name = 'a/b'", /row of a bad name.*field name/],
    ["url = ''", /field url/],
    ["generation = 'abc'", /field generation/],
    ["target_modules = '{}'", /field targetModules/],
    ["target_modules = '[1'", /field targetModules/],
    ["pinned = 2", /field pinned/],
    ["bytes = -1", /field bytes/],
    ["bytes = 9223372036854775807", /too large/],
    ["rank = 0", /field rank/],
  ];
  for (const [change, message] of cases) {
    await t.step(change, () =>
      withRegistry((path) => {
        edit(`PRAGMA ignore_check_constraints = ON; UPDATE adapters SET ${change}`)(path);
        assert.throws(() => {
          using registry = Registry.open(path);
          registry.rows();
        }, (error: unknown) => {
          assert.ok(error instanceof WeftError);
          assert.equal(error.code, "internal");
          assert.match(error.message, message);
          assert.match(error.message, /registry\.db.*move it/);
          assert.ok(!error.message.includes(SECRET));
          return true;
        });
      }));
  }
});

Deno.test("bytes changed anywhere end in rows or a clear error, never in a crash", () =>
  withRegistry((path) => {
    const good = Deno.readFileSync(path);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        (changes) => {
          const bytes = good.slice();
          for (const [offset, byte] of changes) bytes[offset] = byte;
          for (const suffix of ["-wal", "-shm"]) removeIfThere(path + suffix);
          Deno.writeFileSync(path, bytes);
          try {
            using registry = Registry.open(path);
            registry.rows();
            registry.put(registryRow({ name: "another" }));
          } catch (error) {
            assert.ok(error instanceof WeftError, String(error));
            assert.ok(!error.message.includes(SECRET), error.message);
          }
        },
      ),
      { numRuns: 60 },
    );
  }));

/** Zeroes all pages but the first. */
function damage(path: string): void {
  const bytes = Deno.readFileSync(path);
  Deno.writeFileSync(path, bytes.fill(0, 4096));
}

function edit(sql: string): (path: string) => void {
  return (path) => {
    const db = new DatabaseSync(path);
    try {
      db.exec(sql);
    } finally {
      db.close();
    }
  };
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Gives `run` the path of a closed registry with one row. */
function withRegistry(run: (path: string) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    const path = `${folder}/registry.db`;
    const registry = Registry.open(path);
    registry.put(registryRow({ url: `https://host/a?${SECRET}=${hex("f")}` }));
    registry.close();
    run(path);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}
