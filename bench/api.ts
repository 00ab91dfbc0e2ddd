import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { startRedis } from "../test/support/a-redis.ts";
import { apiReport, type Measured } from "./api/api-report.ts";
import { load } from "./api/load.ts";
import { key, kinds, shotOf } from "./api/shots.ts";
import { bareNode, bareWorker, ourNode, ourWorker, type Side } from "./api/sides.ts";
import { cpuOf } from "./machine.ts";
import { startBridgeProcess } from "./queue/bridge-process.ts";
import type { Report } from "./report.ts";
import type { Stage } from "./stage.ts";
import { interleave, spreadOf } from "./statistics.ts";

const inFlights = [1, 16, 64];
const seeded = 40;
const times = { warmUpMs: 300, ms: 1_500 };
/** A process that worked for no more than so many milliseconds since the last look has nothing left to do. */
const [lookMs, idleMs] = [500, 20];

/** Requests per second of our API, on Node and on workerd, beside bare Hono routes that make one call of the same store. */
export async function api({ folder, rounds = 5, note }: Stage): Promise<Report> {
  // Wrangler asks nothing of the internet.
  Object.assign(process.env, { CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_SEND_METRICS: "false" });
  await using redis = await startRedis();
  await using bridge = await startBridgeProcess(folder, redis.url);
  const admin = new Redis(redis.url);
  await using disposed = new AsyncDisposableStack();
  disposed.defer(() => admin.disconnect());
  const runtimes = {
    Node: { ours: await ourNode(folder, redis.url), bare: await bareNode(folder, redis.url) },
    workerd: { ours: await ourWorker(bridge), bare: await bareWorker(bridge) },
  };
  for (const { ours, bare } of Object.values(runtimes)) for (const side of [ours, bare]) disposed.use(side);

  const measured: Measured[] = [];
  for (const [runtime, sides] of Object.entries(runtimes))
    for (const kind of kinds)
      for (const inFlight of inFlights) {
        note(`${runtime}: ${kind}, ${inFlight} in flight`);
        const found = { ours: [] as One[], bare: [] as One[] };
        const measure = (name: keyof typeof found) => async () => {
          await admin.flushall();
          const one = await measureOnce(sides[name], { kind, inFlight });
          found[name].push(one);
          return one.perSecond;
        };
        const perSecond = await interleave({ ours: measure("ours"), bare: measure("bare") }, { rounds });
        const of = (name: keyof typeof found) => ({
          perSecond: spreadOf(perSecond[name]),
          p99: spreadOf(found[name].map(({ p99 }) => p99)),
          cpu: spreadOf(found[name].map(({ cpu }) => cpu)),
        });
        measured.push({
          runtime,
          kind,
          inFlight,
          ours: of("ours"),
          bare: of("bare"),
          ratios: [...perSecond.ours.keys()].map((n) => (perSecond.ours[n] ?? 0) / (perSecond.bare[n] ?? Number.NaN)),
        });
      }
  return apiReport(measured);
}

/** `cpu`: microseconds of the server's process for a request; 0 where it is not one of its own. */
type One = Readonly<{ perSecond: number; p99: number; cpu: number }>;

async function measureOnce(
  { port, pid }: Side,
  { kind, inFlight }: Readonly<{ kind: (typeof kinds)[number]; inFlight: number }>,
): Promise<One> {
  const id = await seed(port);
  const shot = shotOf(kind, id);
  const before = pid === undefined ? 0 : cpuOf(pid);
  const { perSecond, p99, requests } = await load({ port, shot, inFlight, ...times });
  if (pid !== undefined) await settled(pid);
  const cpu = pid === undefined ? 0 : cpuOf(pid) - before;
  return { perSecond, p99, cpu: (cpu * 1_000) / requests };
}

/** What a request leaves to be done belongs to it, and is not to be in the way of the other side. */
async function settled(pid: number): Promise<void> {
  for (let last = -1, now = cpuOf(pid); now - last > idleMs; now = cpuOf(pid)) {
    last = now;
    await sleep(lookMs);
  }
}

/** Jobs of the same caller, so that there is something to read. @returns the id of one. */
async function seed(port: number): Promise<string> {
  let id = "";
  for (let n = 0; n < seeded; n += 1) {
    const response = await fetch(`http://127.0.0.1:${port}/jobs`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
      body: JSON.stringify({ task: `Task ${n}: rename the parser's fields to what the format calls them.` }),
    });
    if (response.status !== 202) throw new Error(`submit answered ${response.status}: ${await response.text()}`);
    ({ id } = ((await response.json()) as { job: { id: string } }).job);
  }
  return id;
}
