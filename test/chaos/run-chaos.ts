import { readFileSync } from "node:fs";
import { systemClock } from "../../shared/clock.node.ts";
import { openTcpWire } from "../../shared/store/redis/tcp-wire.node.ts";
import { violationsIn } from "../support/redis-invariants.ts";
import { readRedis } from "../support/redis-snapshot.ts";
import { type Clients, openClients, type Told } from "./clients.ts";
import { type Cluster, type ClusterOptions, openCluster } from "./cluster.ts";
import { inflict } from "./inflict.ts";
import { judgeBranches, judgeHistory, type Known } from "./judge.ts";
import { readLives, repeatedWork } from "./life-log.ts";
import { placeOrders } from "./orders.ts";
import type { Outcome } from "./outcome.ts";
import { measureRecovery } from "./recovery.ts";
import { scheduleFaults } from "./schedule.ts";
import { allEnded, heal, leakedTrees, survivorsOf } from "./settle.ts";
import { storm } from "./storm.ts";

export type ChaosOptions = ClusterOptions &
  Readonly<{
    seed: number;
    /** Of the faults; what follows takes as long as the jobs need. */
    durationMs: number;
    /** Between two faults, and between two jobs; on average. */
    faultEveryMs: number;
    jobEveryMs: number;
    /** No more jobs than this, and none waits for the queue to be shorter. */
    jobs?: number;
    /** How long each job works, in beats; drawn without it. */
    beats?: number;
    /** Of jobs in a repository: from 0 to 1. */
    repoShare: number;
    /** How often each way of recovery is measured. */
    recoveries: number;
    note: (line: string) => void;
  }>;

/** What `npm run chaos` and the benchmark run. */
export const chaosDefaults = {
  ...{ runners: 5, apis: 2, leaseMs: 3_000, parallel: 2 },
  ...{ faultEveryMs: 1_000, jobEveryMs: 700, repoShare: 0.2, recoveries: 3 },
} as const satisfies Partial<ChaosOptions>;

/** One run: a storm over real processes, then calm, then the judgement. */
export async function runChaos(options: ChaosOptions): Promise<Outcome> {
  const { seed, durationMs, leaseMs, note } = options;
  await using cluster = await openCluster(options);
  const over = new AbortController();
  using _end = { [Symbol.dispose]: () => over.abort() };
  const clients = openClients({ urls: cluster.apis.map(({ url }) => url), repo: cluster.repo, signal: over.signal });
  const { beats } = options;
  const orders = placeOrders({
    ...{ seed, durationMs, everyMs: options.jobEveryMs, repoShare: options.repoShare },
    ...(beats === undefined ? {} : { beats }),
  });
  const { faults, answered } = await storm(
    {
      inflict: (fault) => inflict(fault, cluster),
      place: async (order) => void (await clients.place(order)),
      queued: async () =>
        options.jobs === undefined
          ? await clients.ask(0, async (client) => (await client.jobs({ status: "queued", limit: 100 })).count)
          : 0,
    },
    {
      faults: scheduleFaults({ seed, durationMs, leaseMs, everyMs: options.faultEveryMs }),
      orders: orders.slice(0, options.jobs),
      ...{ durationMs, note },
    },
  );
  note("the faults are over");
  await heal(cluster);
  const patienceMs = 60_000 + 20 * leaseMs;
  await allEnded(clients, patienceMs);
  await Promise.race([answered, systemClock.sleep(patienceMs, over.signal)]);
  note("all jobs have ended");
  const recovery = await measureRecovery(cluster, clients, { seed, rounds: options.recoveries });
  const survivors = await survivorsOf(cluster);
  const broken = await brokenInvariants(cluster);
  const known = await Promise.all(clients.told().map((one) => knownOf(clients, one)));
  const leaked = await leakedTrees(cluster);
  const { faulty, ...counts } = judged(cluster, known);
  return {
    ...{ seed, durationMs, ...counts, recovery, faults, requests: clients.counts(), fates: fatesOf(cluster) },
    faulty: {
      ...faulty,
      "invariants of the store": broken,
      "surviving processes": survivors,
      "leaked worktrees": leaked,
      "ends nobody asked for": cluster.kept.flatMap((one) => one.surprises()),
    },
  };
}

async function knownOf(clients: Clients, told: Told): Promise<Known> {
  const [id] = told.ids;
  if (id === undefined) return { told, job: undefined, events: [] };
  return { told, job: await clients.job(id).catch(() => undefined), events: await clients.events(id).catch(() => []) };
}

function judged(cluster: Cluster, known: readonly Known[]) {
  const lives = readLives(readFileSync(cluster.life, "utf8"));
  const endings = Object.groupBy(known, ({ job }) => job?.status ?? "unknown");
  return {
    jobs: known.length,
    endings: Object.fromEntries(Object.entries(endings).map(([status, all]) => [status, all?.length ?? 0])),
    attempts: known.reduce((sum, { job }) => sum + (job?.attempt ?? 0), 0),
    starts: lives.length,
    repeated: repeatedWork(lives),
    faulty: {
      ...judgeHistory(known, lives, tooLate(cluster)),
      "branches not as told": judgeBranches(known, cluster.repo),
    },
  };
}

/** Jobs whose cancel an API had kept and could not bring in time, by its own words. */
const tooLate = ({ apis }: Cluster): ReadonlySet<string> =>
  new Set(
    apis.flatMap(({ kept }) =>
      kept
        .said()
        .split("\n")
        .filter((line) => line.includes("a cancel came too late"))
        .map((line) => String((JSON.parse(line) as { job?: unknown }).job)),
    ),
  );

/** Of the store's keys, by a way of our own: each job in one place, no live key with a TTL, no lease without a job. */
async function brokenInvariants({ redis }: Cluster): Promise<readonly string[]> {
  await using wire = openTcpWire({ url: redis.redis.url, clock: systemClock, random: Math.random });
  return violationsIn(await readRedis(wire, "agenticore"));
}

/** Over all links. */
function fatesOf({ links }: Cluster): Readonly<Record<string, number>> {
  const all = links.flatMap((link) => Object.entries(link.counts()));
  const byFate = [...Map.groupBy(all, ([fate]) => fate)];
  return Object.fromEntries(byFate.map(([fate, counts]) => [fate, counts.reduce((sum, [, count]) => sum + count, 0)]));
}
