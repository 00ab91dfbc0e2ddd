import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Queue } from "bullmq";
import { systemClock } from "../shared/clock.node.ts";
import { fakeClaude } from "../test/chaos/fake-claude.ts";
import { inflict } from "../test/chaos/inflict.ts";
import { jobProcesses } from "../test/chaos/job-processes.ts";
import { type Kept, keepProcess } from "../test/chaos/keep-process.ts";
import { keepRedis } from "../test/chaos/kept-redis.ts";
import { overlapsOf, readLives, repeatedWork } from "../test/chaos/life-log.ts";
import { keepLink, type Link } from "../test/chaos/link.ts";
import { type Order, placeOrders } from "../test/chaos/orders.ts";
import type { ChaosOptions } from "../test/chaos/run-chaos.ts";
import { scheduleFaults } from "../test/chaos/schedule.ts";
import { type FaultCounts, storm } from "../test/chaos/storm.ts";
import { eventually } from "../test/support/eventually.ts";
import { startFaultProxy } from "../test/support/fault-proxy.ts";
import { killProcessesWith } from "../test/support/leftovers.ts";

export type BullmqOutcome = Readonly<{
  jobs: number;
  starts: number;
  lost: number;
  overlaps: number;
  longestOverlapMs: number;
  repeated: number;
  faults: FaultCounts;
}>;

/** The same fake Claude, the same orders, the same kills, stops and cut links: only the queue differs. */
export async function bullmqChaos(options: ChaosOptions): Promise<BullmqOutcome> {
  const { seed, durationMs, leaseMs, note } = options;
  await using parts = new AsyncDisposableStack();
  const folder = mkdtempSync("/var/tmp/ac-bullmq-");
  parts.defer(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const life = join(folder, "life");
  writeFileSync(life, "");
  parts.defer(() => void killProcessesWith("CHAOS_LIFE", life));
  const redis = parts.use(await keepRedis());
  const workers: Kept[] = [];
  const links: Link[] = [];
  for (let at = 0; at < options.runners; at += 1) {
    const proxy = parts.use(await startFaultProxy(redis.redis.url, { seed: seed * 100 + at }));
    links.push(keepLink(proxy, "tcp"));
    workers.push(parts.use(worker(`worker-${at}`, { folder, life, redisUrl: proxy.url, leaseMs })));
  }
  for (const one of workers) await eventually(() => /worker ready/.test(one.said()), { what: `${one.name} is up` });
  const connection = { url: redis.redis.url, maxRetriesPerRequest: null };
  const queue = new Queue<{ task: string }>("chaos", { connection });
  queue.on("error", () => undefined); // it reconnects
  parts.defer(() => queue.close());

  const keys: string[] = [];
  const place = async ({ key, task, copies }: Order) => {
    keys.push(key);
    const job = { jobId: key, attempts: 5 };
    await Promise.all(Array.from({ length: copies }, () => queue.add("work", { task }, job)));
  };
  const victims = {
    runners: workers.map((kept) => ({ kept })),
    redis,
    links,
    jobProcesses: () =>
      jobProcesses(
        folder,
        workers.map((one) => one.pid()),
      ),
  };
  const { faults, answered } = await storm(
    { inflict: (fault) => inflict(fault, victims), place, queued: () => queue.getWaitingCount() },
    {
      faults: scheduleFaults({ seed, durationMs, leaseMs, everyMs: options.faultEveryMs }),
      orders: placeOrders({ seed, durationMs, everyMs: options.jobEveryMs, repoShare: 0 }),
      ...{ durationMs, note },
    },
  );
  note("the faults are over");
  await redis.atPeace();
  const running = () => workers.every((one) => one.atPeace() && one.pid() !== undefined);
  await eventually(() => running() && links.every((link) => link.atPeace()), { what: "all workers run again" });
  await answered;
  const lost = await unfinished(queue, keys, 60_000 + 20 * leaseMs);
  const lives = readLives(readFileSync(life, "utf8"));
  const overlaps = overlapsOf(lives);
  return {
    jobs: keys.length,
    starts: lives.length,
    lost,
    overlaps: overlaps.length,
    longestOverlapMs: Math.max(0, ...overlaps.map(({ ms }) => ms)),
    repeated: repeatedWork(lives),
    faults,
  };
}

type Place = Readonly<{ folder: string; life: string; redisUrl: string; leaseMs: number }>;

const worker = (name: string, { folder, life, redisUrl, leaseMs }: Place) =>
  keepProcess({
    name,
    argv: [process.execPath, join(import.meta.dirname, "bullmq-worker.ts")],
    log: join(folder, `${name}.log`),
    env: {
      PATH: process.env["PATH"] ?? "/usr/bin:/bin",
      REDIS_URL: redisUrl,
      CHAOS_LIFE: life,
      CHAOS_CLAUDE: fakeClaude,
      CHAOS_LOCK_MS: String(leaseMs),
    },
  });

/** How many have neither completed nor failed when that time is over. */
async function unfinished(queue: Queue, keys: readonly string[], withinMs: number): Promise<number> {
  const deadline = systemClock.uptime() + withinMs;
  let rest = keys;
  while (rest.length > 0 && systemClock.uptime() < deadline) {
    const states = await Promise.all(rest.map((key) => queue.getJobState(key)));
    rest = rest.filter((_, at) => states[at] !== "completed" && states[at] !== "failed");
    if (rest.length > 0) await systemClock.sleep(500);
  }
  return rest.length;
}
