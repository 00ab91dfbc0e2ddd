import { AppError } from "../shared/error.ts";
import type { RunnerView } from "../shared/reply.ts";
import type { RunnerRecord } from "../shared/store.ts";
import type { Caller } from "./asked.ts";
import { requireScope } from "./auth/scope.ts";
import type { ApiDeps } from "./deps.ts";

/** The runners seen in the last 90 s, by name. */
export async function listRunners({ store }: ApiDeps): Promise<readonly RunnerView[]> {
  return (await store.runners()).map(runnerView).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Asks every live runner of the name to finish what it has and take no more; how many that are. @throws AppError `not_found`. */
export async function drainRunner({ store }: ApiDeps, name: string, caller: Caller): Promise<number> {
  requireScope(caller, "admin");
  const draining = await store.drain(name);
  if (draining === 0)
    throw new AppError("not_found", `There is no live runner named ${name}.`, {
      remedy: "See `GET /runners` for the names of live runners.",
    });
  return draining;
}

/** How many jobs it has, not whose they are. */
const runnerView = ({ name, version, pools, capacity, running, draining, last_seen, disk, sandbox }: RunnerRecord) => ({
  name,
  version,
  pools: [...pools],
  capacity,
  running: running.length,
  draining,
  last_seen,
  disk,
  sandbox,
});
