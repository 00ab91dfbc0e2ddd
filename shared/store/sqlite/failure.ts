import { AppError } from "../../error.ts";

/** Primary result codes of SQLite (sqlite.org/rescode.html) that a user can do something about. */
const busy = 5;
const locked = 6;
const readOnly = 8;
const ioError = 10;
const corrupt = 11;
const full = 13;
const cannotOpen = 14;
const protocol = 15;
const notADatabase = 26;

const primaryCode = (thrown: unknown): number | undefined =>
  thrown instanceof Error && "errcode" in thrown && typeof thrown.errcode === "number"
    ? thrown.errcode & 0xff
    : undefined;

/** Another process holds the write lock just now: trying again helps. */
export function isBusy(thrown: unknown): boolean {
  const code = primaryCode(thrown);
  return code === busy || code === locked || code === protocol;
}

/** What Node calls a failure: of the file system (errno(3)), or of a database that is closed. */
const systemCode = (thrown: unknown): string | undefined =>
  thrown instanceof Error && "code" in thrown && typeof thrown.code === "string" && !(thrown instanceof AppError)
    ? thrown.code
    : undefined;

const diskFull = (path: string, cause: unknown) =>
  new AppError("disk_full", `The disk of the store ${path} is full.`, {
    remedy: `Free space on the disk that holds ${path}, then try again.`,
    cause,
  });

/** A failure of SQLite as the user is told of it; anything else is given back as it came. */
export function toStoreFailure(thrown: unknown, path: string): unknown {
  const unavailable = (sentence: string, remedy: string) =>
    new AppError("store_unavailable", sentence, { remedy, cause: thrown });
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  const system = systemCode(thrown);
  if (system === "ERR_INVALID_STATE") return unavailable(`The store ${path} is closed.`, "Start the process again.");
  if (system === "ENOSPC" || system === "EDQUOT") return diskFull(path, thrown);
  const code = primaryCode(thrown) ?? (system !== undefined && /^E[A-Z]+$/.test(system) ? cannotOpen : undefined);
  if (code === undefined) return thrown;
  switch (code) {
    case busy:
    case locked:
    case protocol:
      return unavailable(
        `The store ${path} is locked by another process.`,
        "Try again; if it stays so, end the process that holds the file (`fuser` names it).",
      );
    case full:
      return diskFull(path, thrown);
    case corrupt:
    case notADatabase:
      return unavailable(
        `The store ${path} is damaged (${reason}).`,
        "Stop all Agenticore processes, move the file and its -wal and -shm files aside, and start again: a new store is made. The jobs' last known states stay readable in the jobs folder.",
      );
    case readOnly:
    case cannotOpen:
      return unavailable(
        `The store ${path} cannot be opened for writing (${reason}).`,
        "Give this user the right to write the file and its folder, or set AGENTICORE_DATA_DIR to another folder.",
      );
    case ioError:
      return unavailable(
        `The disk of the store ${path} does not answer properly (${reason}).`,
        "Check free space and the disk's health, then try again.",
      );
    default:
      return new AppError("internal", `The store ${path} refused a statement: ${reason}`, { cause: thrown });
  }
}
