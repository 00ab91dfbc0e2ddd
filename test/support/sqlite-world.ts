import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteStore } from "../../shared/store/sqlite.node.ts";
import type { JobStore, StoreLimits } from "../../shared/store.ts";
import type { StoreWorld } from "../contract/store/store-world.ts";
import { type FakeClock, fakeClock } from "./fake-clock.ts";

export type SqliteWorld = StoreWorld & Readonly<{ dir: string; path: string; clock: FakeClock }>;
type Options = StoreLimits &
  Readonly<{
    wrap?: (store: JobStore, world: { dir: string; clock: FakeClock }) => JobStore;
  }>;

/** An empty SQLite store in a folder of its own, on a clock that stands still; `wrap` puts something around each connection. */
export async function sqliteWorld({ wrap = (store) => store, ...limits }: Options = {}): Promise<SqliteWorld> {
  // A folder in memory, where there is one: these tests are not about the disk, and each commit waits for it.
  const dir = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "agenticore-store-"));
  const path = join(dir, "agenticore.db");
  const clock = fakeClock();
  const opened: JobStore[] = [];
  const another = async () => {
    const store = await openSqliteStore({ path, clock, bootId: "boot", limits });
    const wrapped = wrap(store, { dir, clock });
    opened.push(wrapped);
    return wrapped;
  };
  return {
    dir,
    path,
    clock,
    store: await another(),
    another,
    advance: async (ms) => clock.advance(ms),
    [Symbol.asyncDispose]: async () => {
      for (const store of opened) await store[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
