import { join } from "node:path";
import { silentLog } from "../../shared/log.ts";
import { withJobFiles } from "../../shared/store/job-files.node.ts";
import { sqliteWorld } from "../support/sqlite-world.ts";
import { storeContract } from "./store-contract.ts";

storeContract("the SQLite store", sqliteWorld);

storeContract("the SQLite store with job files", (options) =>
  sqliteWorld({
    ...options,
    wrap: (store, { dir, clock }) => withJobFiles(store, { dir: join(dir, "jobs"), clock, log: silentLog }),
  }),
);
