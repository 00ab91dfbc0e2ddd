import type { Clock } from "../clock.ts";
import type { JobId } from "../job.ts";
import type { JobStore, StoreLimits } from "../store.ts";
import { openApiKeys } from "./redis/api-keys.ts";
import { openBudgets } from "./redis/budgets.ts";
import { openChanges } from "./redis/changes.ts";
import { asList, openContext } from "./redis/context.ts";
import { openEndings } from "./redis/endings.ts";
import { openEventLog } from "./redis/event-log.ts";
import { openJobList } from "./redis/job-list.ts";
import { openLeases } from "./redis/leases.ts";
import { sweep as sweepScript } from "./redis/lua/sweep.ts";
import { openNotices } from "./redis/notices.ts";
import { openRelays } from "./redis/relays.ts";
import { openRequests } from "./redis/requests.ts";
import { openRunners } from "./redis/runners.ts";
import { openSubmission } from "./redis/submission.ts";
import { openTranscripts } from "./redis/transcripts.ts";
import type { RedisWire } from "./redis/wire.ts";
import { openWorktrees } from "./redis/worktrees.ts";

export type RedisOptions = Readonly<{
  /** Closed with the store. */
  wire: RedisWire;
  /** What all keys begin with, before a colon; with a hash tag in it (`{agenticore}`) all are in one slot of a Cluster. */
  prefix: string;
  clock: Clock;
  random: () => number;
  newId: () => string;
  limits?: StoreLimits;
}>;

/** Jobs that one step of a sweep looks at, of each kind. */
const perStep = 100;

/**
 * The store in Redis 7, for many machines: one script per transition, each idempotent by its arguments. All times are
 * those of the Redis server. Opening asks nothing; a store of another schema is refused by each call.
 */
export function openRedisStore({ limits = {}, ...options }: RedisOptions): JobStore {
  const context = openContext({ ...options, limits });
  const { run, wire, key } = context;
  const changes = openChanges(context);
  const leases = openLeases(context);
  const submission = openSubmission(context);
  const endings = openEndings(context);
  const requests = openRequests(context);
  const lists = openJobList(context);
  const runners = openRunners(context);

  const sweep = async (): Promise<readonly JobId[]> => {
    const all = new Set<JobId>();
    for (;;) {
      const [, more, ids] = await run(sweepScript, [context.limits, perStep]);
      for (const id of asList(ids)) all.add(id as JobId);
      if (more !== 1) return [...all];
    }
  };

  return {
    ...submission,
    ...leases,
    ...endings,
    ...requests,
    ...lists,
    ...runners,
    ...openTranscripts(context),
    ...openBudgets(context),
    ...openWorktrees(context),
    ...openApiKeys(context),
    ...openRelays(context),
    ...openNotices(context),
    events: openEventLog(context),
    changed: changes.wait,
    sweep,
    ping: async () => void (await wire.send(["HGET", key("meta"), "schema"])),
    [Symbol.asyncDispose]: async () => {
      changes.close();
      await wire[Symbol.asyncDispose]();
    },
  };
}
