import type { Clock } from "../../clock.ts";
import type { JobId } from "../../job.ts";
import type { Database } from "./database.node.ts";
import type { StoreTime } from "./store-time.node.ts";

/** One opened store, before the rows of jobs can be read. */
export type Connection = Readonly<{
  db: Database;
  time: StoreTime;
  clock: Clock;
  bootId: string;
  /** Jobs of one repository that may run at once; undefined: no limit. */
  repoLimit?: number;
  /** Notes that a job was changed by this transaction: its waiters wake after the commit. */
  touch(id: JobId): void;
}>;
