import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../shared/clock.node.ts";
import type { Clock } from "../../shared/clock.ts";
import { silentLog } from "../../shared/log.ts";
import { withJobFiles } from "../../shared/store/job-files.node.ts";
import { countSpool, spoolFolders } from "../../shared/store/spool/spool-count.node.ts";
import { withSpool } from "../../shared/store/spool.node.ts";
import { watchStore } from "../../shared/store/watched.ts";
import { aStore } from "./an-api.ts";
import { unsteady } from "./unsteady-store.ts";

/** Pauses are short, so that what is tried again is tried soon. */
export const hasty: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 50), signal) };

/** A store as `serve` has it before a remote one, with a line behind it that the test cuts. */
export async function anOutage(clock: Clock = hasty) {
  const home = mkdtempSync(join(tmpdir(), "agenticore-outage-"));
  const { store: truth, close } = await aStore();
  const line = unsteady(truth);
  const { store: watched, errors } = watchStore({ ...line.store, [Symbol.asyncDispose]: async () => undefined });
  const log = silentLog;
  const filed = withJobFiles(watched, { dir: join(home, "jobs"), clock, log });
  const store = withSpool(filed, { dir: spoolFolders(home).submissions, clock, log, random: () => 0.5 });
  return {
    store,
    /** The store itself, past the line. */
    truth,
    link: line.link,
    jobsDir: join(home, "jobs"),
    outlook: { storeErrors: errors, spooled: () => countSpool(home) },
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      await close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
