import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { bootId } from "../runner/process/process-id.ts";
import { systemClock } from "../shared/clock.node.ts";
import { openTcpWire } from "../shared/store/redis/tcp-wire.node.ts";
import { openRedisStore } from "../shared/store/redis.ts";
import { openSqliteStore } from "../shared/store/sqlite.node.ts";
import type { JobStore, Lease } from "../shared/store.ts";
import { aClaim, aNewJob } from "../test/support/a-job.ts";
import { startRedis } from "../test/support/a-redis.ts";
import { startServer } from "../test/support/a-server.ts";
import { memoryOf } from "./machine.ts";
import { figure, type Report } from "./report.ts";
import { servedEnv } from "./served.ts";
import type { Stage } from "./stage.ts";
import { type Spread, spreadOf } from "./statistics.ts";
import { type Listener, listen } from "./streams/listener.ts";

const clients = 2_000;
const spreads = [1, 200];

type Opened = Readonly<{
  store: string;
  jobs: number;
  before: number;
  open: number;
  peak: number;
  reach: Spread;
  first: Spread;
}>;

/** Many event streams open on one Node API: its memory, and how soon an event of another process reaches all. */
export async function streams({ folder, rounds = 5, note }: Stage): Promise<Report> {
  await using redis = await startRedis();
  const found: Opened[] = [];
  for (const store of ["SQLite", "Redis"])
    for (const jobs of spreads) {
      note(`${clients} streams of ${jobs} jobs, ${store}`);
      const home = join(folder, `${store}-${jobs}`);
      mkdirSync(home, { recursive: true });
      found.push({
        store,
        jobs,
        ...(await measure({ home, redis: store === "Redis" ? redis.url : undefined, jobs, rounds })),
      });
    }
  return {
    text: [
      `${clients.toLocaleString("en")} clients follow jobs at one \`agenticore serve --no-runner\`, each on a connection of its own: all one job, or 200 jobs.`,
      "A runner in another process tells of an event of each job; from just before that until the last client has it, and the",
      "first. Memory is what is resident of the server: before, with all streams open, and the most of the whole run.",
    ].join("\n"),
    tables: [
      {
        head: [
          `${clients.toLocaleString("en")} event streams`,
          "idle, MB",
          "open, MB",
          "peak, MB",
          "first, ms",
          "all, ms",
        ],
        rows: found.map(({ store, jobs, before, open, peak, first, reach }) => [
          `${store}, ${jobs === 1 ? "one job" : `${jobs} jobs`}`,
          ...[before, open, peak].map(figure),
          ...[first, reach].map(({ median, min, max }) => `${figure(median)} (${figure(min)}-${figure(max)})`),
        ]),
      },
    ],
    goals: [
      { what: "memory of the server", limit: 300, reached: Math.max(...found.map(({ peak }) => peak)), unit: "MB" },
      ...found.map(({ store, jobs, reach }) => ({
        what: `an event reaches all: ${store}, ${jobs === 1 ? "one job" : `${jobs} jobs`}`,
        limit: 1_000,
        reached: reach.max,
        unit: "ms",
      })),
    ],
  };
}

type Asked = Readonly<{ home: string; redis: string | undefined; jobs: number; rounds: number }>;

async function measure({ home, redis, jobs, rounds }: Asked) {
  const prefix = `streams-${randomUUID().slice(0, 8)}`;
  const env = servedEnv(home, redis === undefined ? {} : { REDIS_URL: redis, REDIS_KEY_PREFIX: prefix });
  const server = await startServer(env, { direct: true, args: ["--no-runner"] });
  await using ending = new AsyncDisposableStack();
  ending.defer(async () => void (await server.end("SIGTERM")));
  const store: JobStore =
    redis === undefined
      ? await openSqliteStore({ path: join(home, ".agenticore/agenticore.db"), clock: systemClock, bootId: bootId() })
      : openRedisStore({
          wire: openTcpWire({ url: redis, clock: systemClock, random: Math.random }),
          ...{ prefix, clock: systemClock, random: Math.random, newId: randomUUID },
        });
  ending.use(store);
  const leases: Lease[] = [];
  for (let n = 0; n < jobs; n += 1) {
    await store.submit(aNewJob());
    const claim = await store.claim(aClaim({ claimId: randomUUID() }));
    if (!claim) throw new Error("there was nothing to claim");
    leases.push(claim.lease);
  }
  const mb = (field: "VmRSS" | "VmHWM") => memoryOf(server.pid, field) / 1_000_000;
  const before = mb("VmRSS");
  const port = Number(new URL(server.url).port);
  const listeners: Listener[] = [];
  ending.defer(() => {
    for (const listener of listeners) listener.close();
  });
  for (let n = 0; n < clients; n += 50)
    listeners.push(
      ...(await Promise.all(
        Array.from({ length: 50 }, (_, m) => listen(port, `/jobs/${leases[(n + m) % jobs]?.job}/events`)),
      )),
    );
  const open = mb("VmRSS");
  const told: Readonly<{ first: number; all: number }>[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const text = `round ${round} ${randomUUID()}`;
    const since = performance.now();
    const heard = listeners.map((listener) => listener.heard(text));
    await Promise.all(
      leases.map((lease) =>
        store.renew(lease, { leaseMs: 600_000, events: [{ type: "claude.said", data: { text } }] }),
      ),
    );
    const at = (await Promise.all(heard)).map((when) => when - since);
    told.push({ first: Math.min(...at), all: Math.max(...at) });
  }
  return {
    ...{ before, open, peak: mb("VmHWM") },
    first: spreadOf(told.map(({ first }) => first)),
    reach: spreadOf(told.map(({ all }) => all)),
  };
}
