import type { Clock } from "../../clock.ts";
import type { JobId } from "../../job.ts";
import type { StoreLimits } from "../../store.ts";
import type { Database } from "./database.node.ts";
import type { StoreTime } from "./store-time.node.ts";

/** One opened store, before the rows of jobs can be read. */
export type Connection = Readonly<{
  db: Database;
  time: StoreTime;
  clock: Clock;
  bootId: string;
  limits: StoreLimits;
  /** Notes that a job was changed by this transaction: its waiters wake after the commit. */
  touch(id: JobId): void;
}>;
