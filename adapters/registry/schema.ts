import type { DatabaseSync } from "node:sqlite";
import { WeftError } from "../../engine/core/errors.ts";

/** "Weft" in ASCII; SQLite keeps it in the file's header, so that no other program's database is taken for ours. */
const APPLICATION_ID = 0x57656674;

/**
 * Each brings the schema one version further. Ones that were released stay as they are: add another. What the
 * values may be is row.ts's to say, which names the row at fault where a constraint would name the table.
 */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE adapters (
    name TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    owner TEXT NOT NULL,
    place TEXT,
    generation TEXT,
    version TEXT,
    sha256 TEXT,
    rank INTEGER,
    bytes INTEGER,
    target_modules TEXT,
    pinned INTEGER NOT NULL,
    required_sha256 TEXT,
    deleted INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE settings (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;`,
  "ALTER TABLE adapters ADD COLUMN examples TEXT;",
];

/** The schema this program writes. */
const SCHEMA_VERSION = MIGRATIONS.length;

/**
 * Refuses what is not a sound registry of this version or an earlier one. Writes nothing.
 *
 * @throws {WeftError} saying why.
 */
export function refuseForeign(db: DatabaseSync): void {
  const version = pragma(db, "user_version");
  const id = pragma(db, "application_id");
  const tables = db.prepare("SELECT count(*) AS count FROM sqlite_schema").get()!.count;
  const isNew = version === 0 && id === 0 && tables === 0;
  if (!isNew && id !== APPLICATION_ID) {
    throw new WeftError(
      "unsupported",
      "it is another program's database. Give Weft another state directory",
    );
  }
  if (Number(version) > SCHEMA_VERSION) {
    throw new WeftError(
      "unsupported",
      `its schema is version ${version}, of a newer Weft, and this one knows versions up to ${SCHEMA_VERSION}. ` +
        "Run the newer one, or give this one another state directory",
    );
  }
}

/** Brings a database that `refuseForeign` let pass to the present schema, in one transaction. */
export function migrate(db: DatabaseSync): void {
  // Usually there is nothing to do, and a start need not wait for another process's write.
  if (pragma(db, "user_version") === SCHEMA_VERSION) return;
  inTransaction(db, () => {
    // Read again: another process may have been here first.
    const version = Number(pragma(db, "user_version"));
    for (const migration of MIGRATIONS.slice(version)) db.exec(migration);
    db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}`);
  });
}

/** Runs `write` so that all of it is durable when this returns, or none of it happened when it throws. */
export function inTransaction(db: DatabaseSync, write: () => void): void {
  db.exec("BEGIN IMMEDIATE");
  try {
    write();
    db.exec("COMMIT");
  } catch (error) {
    // A full disk or a failed write has rolled back already.
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}

/** The one value that a pragma answers with. */
export function pragma(db: DatabaseSync, text: string): unknown {
  return Object.values(db.prepare(`PRAGMA ${text}`).get() ?? {})[0];
}
