import { dirname } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { WeftError } from "../../engine/core/errors.ts";
import { registryError } from "./failures.ts";
import { COLUMNS, fromRecord, isStorable, type RegistryRow, toRecord } from "./row.ts";
import { inTransaction, migrate, pragma, refuseForeign } from "./schema.ts";

/** How long a statement waits for another process's write. It blocks the thread, so it is short. */
const BUSY_TIMEOUT_MS = 2000;

/**
 * The names this server knows, with their URLs, generations and pins: an SQLite database that survives `kill -9`
 * and power loss. What a method wrote is durable when it returns.
 *
 * Needs read and write permission for the directory of the file.
 */
export class Registry implements Disposable {
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #statements: Record<"rows" | "put" | "remove" | "setting" | "setSetting", StatementSync>;

  private constructor(path: string, db: DatabaseSync) {
    this.#path = path;
    this.#db = db;
    const parameters = COLUMNS.map((column) => `:${column}`);
    this.#statements = {
      rows: db.prepare(`SELECT ${COLUMNS} FROM adapters ORDER BY name`),
      put: db.prepare(`INSERT OR REPLACE INTO adapters (${COLUMNS}) VALUES (${parameters})`),
      remove: db.prepare("DELETE FROM adapters WHERE name = ?"),
      setting: db.prepare("SELECT value FROM settings WHERE key = ?"),
      setSetting: db.prepare("INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)"),
    };
  }

  /**
   * Opens the registry at `path`, or makes one that only this user can read: URLs may hold signed queries.
   *
   * @throws {WeftError} naming the file and what to do, when it is damaged, of a newer version or another
   *   program, or cannot be written.
   */
  static open(path: string): Registry {
    let db: DatabaseSync | undefined;
    try {
      makePrivate(path);
      db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
      prepareDatabase(db);
      return new Registry(path, db);
    } catch (error) {
      db?.close();
      throw registryError(`Cannot open the registry ${JSON.stringify(path)}`, error);
    }
  }

  /**
   * Every row, tombstones too, by name.
   *
   * @throws {WeftError} `internal` when one makes no sense.
   */
  rows(): RegistryRow[] {
    return this.#do("read", () => this.#statements.rows.all().map(fromRecord));
  }

  /** Adds a row, or replaces the one of its name. */
  put(row: RegistryRow): void {
    const record = toRecord(row);
    this.#do("write", () => this.#statements.put.run(record));
  }

  /** Puts all rows or none. */
  putAll(rows: Iterable<RegistryRow>): void {
    const records = Array.from(rows, toRecord);
    this.#all(records, (record) => this.#statements.put.run(record));
  }

  /** Forgets a name; one that isn't there is no error. */
  remove(name: string): void {
    this.#do("write", () => this.#statements.remove.run(name));
  }

  /** Forgets all names or none. */
  removeAll(names: Iterable<string>): void {
    this.#all([...names], (name) => this.#statements.remove.run(name));
  }

  setting(key: string): string | null {
    const record = this.#do("read", () => this.#statements.setting.get(key));
    return (record?.value ?? null) as string | null;
  }

  setSetting(key: string, value: string): void {
    if (!isStorable(key) || !isStorable(value)) {
      throw new WeftError(
        "internal",
        "Cannot keep a setting: it isn't well-formed text without NUL",
      );
    }
    this.#do("write", () => this.#statements.setSetting.run(key, value));
  }

  /** Further calls do nothing. */
  close(): void {
    if (this.#db.isOpen) this.#db.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** In one transaction: each has to wait for the disk. */
  #all<T>(items: readonly T[], write: (item: T) => void): void {
    if (items.length === 0) return;
    this.#do("write", () => inTransaction(this.#db, () => items.forEach((item) => write(item))));
  }

  #do<T>(verb: "read" | "write", work: () => T): T {
    const what = `Cannot ${verb} the registry ${JSON.stringify(this.#path)}`;
    if (!this.#db.isOpen) throw new WeftError("internal", `${what}: it was closed`);
    try {
      return work();
    } catch (error) {
      throw registryError(what, error);
    }
  }
}

/** SQLite gives `-wal` and `-shm` the permissions of the database, so that its own are all there is to set. */
function makePrivate(path: string): void {
  Deno.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  try {
    // Never opens a file that is there: closing it would drop the locks of this process's connections to it.
    Deno.openSync(path, { write: true, createNew: true, mode: 0o600 }).close();
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    if (!Deno.statSync(path).isFile) throw new Error("it is not a file");
    Deno.chmodSync(path, 0o600);
  }
}

function prepareDatabase(db: DatabaseSync): void {
  const found = pragma(db, "quick_check(1)");
  if (found !== "ok") throw new WeftError("internal", `it is damaged (${String(found).trim()})`);
  refuseForeign(db);
  const journal = pragma(db, "journal_mode = WAL");
  if (journal !== "wal") {
    throw new Error(`its journal mode is "${journal}" and cannot become "wal"`);
  }
  // WAL's usual NORMAL may lose the last commits with the power; a name must not move back.
  db.exec("PRAGMA synchronous = FULL");
  migrate(db);
}
