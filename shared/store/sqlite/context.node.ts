import type { Connection } from "./connection.node.ts";
import type { JobRows } from "./job-rows.node.ts";

/** What the parts of the SQLite store work with. */
export type Context = Connection & Readonly<{ jobs: JobRows }>;
