import { chmodSync, closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import type { Clock } from "../../clock.ts";
import { AppError } from "../../error.ts";
import { isBusy, toStoreFailure } from "./failure.ts";
import { schemaSince, schemaVersion } from "./schema.ts";

export type Values = Record<string, SQLInputValue>;
export type Statement<Row> = Readonly<{
  find(values?: Values): Row | undefined;
  all(values?: Values): Row[];
  /** The number of rows changed. */
  run(values?: Values): number;
}>;

/**
 * `synced`: a commit outlives a power cut (a sync of the disk: milliseconds that stop the event loop). `quick`: it outlives
 * the death of every process, and a power cut takes at most the last ones, in order (sqlite.org/pragma.html#pragma_synchronous).
 */
export type Safety = "synced" | "quick";

/** One connection. Bodies of `write` and `read` are synchronous, so that nothing of this process comes between their statements. */
export type Database = Readonly<{
  prepare<Row>(sql: string): Statement<Row>;
  /** Runs the body in one immediate transaction; what it throws undoes it. `changed` says whether rows were written. */
  write<T>(body: () => T, safety?: Safety): Promise<{ answer: T; changed: boolean }>;
  /** Runs the body on one snapshot. */
  read<T>(body: () => T): Promise<T>;
  /** Another number than before when another connection has written since (sqlite.org/pragma.html#pragma_data_version). */
  version(): number;
  /** Closing twice is closing once. */
  close(): void;
}>;

/** How long one statement may stop the event loop for another process's lock, and a method in all. */
const blockMs = 50;
const patienceMs = 5_000;

/**
 * Opens the file (folder 0700, file 0600), in WAL mode; makes the tables in a new one, and brings an older one up.
 * @throws AppError `store_unavailable` for a damaged, foreign or newer file, `disk_full`.
 */
export async function openDatabase(
  path: string,
  { clock, random }: Readonly<{ clock: Clock; random: () => number }>,
): Promise<Database> {
  /** Tries again while another process holds the lock, leaving the event loop free between. */
  const patiently = async <T>(step: () => T): Promise<T> => {
    const end = clock.uptime() + patienceMs;
    for (;;) {
      try {
        return step();
      } catch (error) {
        if (!isBusy(error) || clock.uptime() >= end) throw toStoreFailure(error, path);
      }
      await clock.sleep(5 + 25 * random());
    }
  };
  const db = await patiently(() => opened(path));
  const total = db.prepare("SELECT total_changes() AS n");
  const version = db.prepare("PRAGMA data_version");
  const written = () => Number(total.get()?.["n"] ?? 0);

  const within = <T>(begin: string, body: () => T): T => {
    db.exec(begin);
    try {
      const answer = body();
      db.exec("COMMIT");
      return answer;
    } catch (error) {
      // Some failures (a full disk) have rolled back already.
      if (db.isOpen && db.isTransaction) db.exec("ROLLBACK");
      throw error;
    }
  };
  return {
    prepare: <Row>(sql: string): Statement<Row> => {
      const statement = guarded(path, () => db.prepare(sql));
      // The one place where rows get their type: the tables are ours, STRICT, and of the version checked at opening.
      return {
        find: (values = {}) => statement.get(values) as Row | undefined,
        all: (values = {}) => statement.all(values) as Row[],
        run: (values = {}) => Number(statement.run(values).changes),
      };
    },
    write: (body, safety = "synced") =>
      patiently(() => {
        const before = written();
        db.exec(`PRAGMA synchronous = ${safety === "synced" ? "FULL" : "NORMAL"}`);
        const answer = within("BEGIN IMMEDIATE", body);
        return { answer, changed: written() !== before };
      }),
    read: (body) => patiently(() => within("BEGIN", body)),
    version: () => Number(version.get()?.["data_version"] ?? 0),
    close: () => {
      if (db.isOpen) db.close();
    },
  };
}

function opened(path: string): DatabaseSync {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // Made before SQLite does it, so that file, -wal and -shm are never readable by others (they take the file's mode).
  if (!existsSync(path)) closeSync(openSync(path, "a", 0o600));
  chmodSync(path, 0o600);
  const db = new DatabaseSync(path, { timeout: blockMs });
  try {
    // Before anything is changed in a file that may not be ours. On one snapshot: another process may be making the tables.
    db.exec("BEGIN");
    knownVersion(db, path);
    db.exec("COMMIT; PRAGMA journal_mode = WAL; PRAGMA journal_size_limit = 67108864; BEGIN IMMEDIATE;");
    const version = knownVersion(db, path);
    if (version < schemaVersion) db.exec(`${schemaSince(version)} PRAGMA user_version = ${schemaVersion};`);
    db.exec("COMMIT");
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** The schema's version, 0 for an empty file. @throws AppError for a file that is not ours or newer than this program. */
function knownVersion(db: DatabaseSync, path: string): number {
  const version = Number(db.prepare("PRAGMA user_version").get()?.["user_version"] ?? 0);
  const tables = Number(db.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.["n"] ?? 0);
  if (version > schemaVersion)
    throw new AppError(
      "store_unavailable",
      `The store ${path} was written by a newer Agenticore (schema ${version}; this one knows ${schemaVersion}).`,
      { remedy: "Update Agenticore with `agenticore update`, or set AGENTICORE_DATA_DIR to another folder." },
    );
  if (version === 0 && tables > 0)
    throw new AppError("store_unavailable", `The file ${path} is a database, but not one of Agenticore's.`, {
      remedy: "Set AGENTICORE_DATA_DIR to another folder, or move the file aside.",
    });
  return version;
}

function guarded<T>(path: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw toStoreFailure(error, path);
  }
}
