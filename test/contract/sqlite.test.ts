import { join } from "node:path";
import { systemClock } from "../../shared/clock.node.ts";
import { silentLog } from "../../shared/log.ts";
import { withJobFiles } from "../../shared/store/job-files.node.ts";
import { withSpool } from "../../shared/store/spool.node.ts";
import { sqliteWorld } from "../support/sqlite-world.ts";
import { storeContract } from "./store-contract.ts";

storeContract("the SQLite store", sqliteWorld);

// As a remote store is wrapped: neither the copies nor the spool changes what the store promises.
storeContract("the SQLite store with job files and a spool", (options) =>
  sqliteWorld({
    ...options,
    wrap: (store, { dir, clock }) => {
      const filed = withJobFiles(store, { dir: join(dir, "jobs"), clock, log: silentLog });
      const pausing = { ...clock, sleep: systemClock.sleep };
      return withSpool(filed, { dir: join(dir, "spool"), clock: pausing, log: silentLog, random: () => 0.5 });
    },
  }),
);
