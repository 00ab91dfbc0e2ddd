import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";

const busy = 5;

/**
 * A lock that one process of the box has at a time, and that ends with it whatever happens: the write lock of an empty
 * SQLite file, which the kernel keeps (sqlite.org/lockingv3.html). @returns undefined where another has it now.
 */
export async function takeSpoolLock(path: string): Promise<Disposable | undefined> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await open(path, "a", 0o600).then((file) => file.close());
  const db = new DatabaseSync(path, { timeout: 0 });
  try {
    db.exec("BEGIN IMMEDIATE");
  } catch (error) {
    db.close();
    if (error instanceof Error && "errcode" in error && error.errcode === busy) return undefined;
    throw error;
  }
  return { [Symbol.dispose]: () => db.close() };
}
