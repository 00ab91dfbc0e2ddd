import { AppError } from "../../error.ts";

/** Primary result codes of SQLite (sqlite.org/rescode.html) that a user can do something about. */
const busy = 5;
const locked = 6;
const readOnly = 8;
const ioError = 10;
const corrupt = 11;
const full = 13;
const cannotOpen = 14;
const notADatabase = 26;

const primaryCode = (thrown: unknown): number | undefined =>
  thrown instanceof Error && "errcode" in thrown && typeof thrown.errcode === "number"
    ? thrown.errcode & 0xff
    : undefined;

/** Another process holds the write lock just now: trying again helps. */
export function isBusy(thrown: unknown): boolean {
  const code = primaryCode(thrown);
  return code === busy || code === locked;
}

const isClosed = (thrown: unknown) =>
  thrown instanceof Error && "code" in thrown && thrown.code === "ERR_INVALID_STATE";

/** A failure of SQLite as the user is told of it; anything else is given back as it came. */
export function toStoreFailure(thrown: unknown, path: string): unknown {
  if (isClosed(thrown)) return new AppError("store_unavailable", `The store ${path} is closed.`, { cause: thrown });
  const code = primaryCode(thrown);
  if (code === undefined) return thrown;
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  const unavailable = (sentence: string, remedy: string) =>
    new AppError("store_unavailable", sentence, { remedy, cause: thrown });
  switch (code) {
    case busy:
    case locked:
      return unavailable(
        `The store ${path} is locked by another process.`,
        "Try again; if it stays so, end the process that holds the file (`fuser` names it).",
      );
    case full:
      return new AppError("disk_full", `The disk of the store ${path} is full.`, {
        remedy: `Free space on the disk that holds ${path}, then try again.`,
        cause: thrown,
      });
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
