import { Redis } from "ioredis";
import { systemClock } from "../shared/clock.node.ts";
import { Secret } from "../shared/secret.ts";
import { openHttpWire } from "../shared/store/redis/http-wire.ts";
import { openTcpWire } from "../shared/store/redis/tcp-wire.node.ts";
import { startRedis } from "../test/support/a-redis.ts";
import { startBridgeProcess } from "./queue/bridge-process.ts";
import { bullmqSide } from "./queue/bullmq-side.ts";
import { commandsOf, commandsPerJob } from "./queue/commands.ts";
import { growth } from "./queue/growth.ts";
import { idleCommands } from "./queue/idle-commands.ts";
import { ourSide } from "./queue/our-side.ts";
import { pickUp } from "./queue/pick-up.ts";
import { queueReport } from "./queue/queue-report.ts";
import type { QueueSide } from "./queue/queue-side.ts";
import { saturated } from "./queue/saturated.ts";
import { throughput } from "./queue/throughput.ts";
import type { Report } from "./report.ts";
import type { Stage } from "./stage.ts";

const sizes = [1_000, 10_000, 100_000, 1_000_000];
const forMemory = 20_000;
const parked = 20_000;
const repoLimit = 2;
const samples = 200;

/** The store over Redis beside BullMQ, in one run on one redis-server. */
export async function queue({ folder, rounds = 5, minutes = 11, note }: Stage): Promise<Report> {
  await using server = await startRedis({
    durable: true,
    config: ["appendfsync everysec", "auto-aof-rewrite-percentage 0"],
  });
  await using bridge = await startBridgeProcess(folder, server.url);
  const admin = new Redis(server.url);
  const { random } = Math;
  const tcp = () => openTcpWire({ url: server.url, clock: systemClock, random });
  const token = new Secret(bridge.token);
  const fetched: typeof fetch = (...request) => fetch(...request);
  const http = () => openHttpWire({ url: bridge.url, token, clock: systemClock, random, fetch: fetched });
  const sides = {
    "ours, TCP": () => ourSide({ name: "ours, TCP", connect: tcp }),
    "ours, HTTP": () => ourSide({ name: "ours, HTTP", connect: http }),
    BullMQ: () => bullmqSide(server.url),
  } satisfies Record<string, () => QueueSide>;
  const empty = async () => void (await admin.flushall());
  const withEach = async <T>(act: (side: QueueSide) => Promise<T>) => {
    const found: (readonly [string, T])[] = [];
    for (const [name, open] of Object.entries<() => QueueSide>(sides)) {
      await empty();
      await using side = open();
      found.push([name, await act(side)]);
    }
    return found;
  };
  const memoryNow = async () => Number(/used_memory:(\d+)/.exec(await admin.info("memory"))?.[1]);

  const speed = await throughput({ sides, empty, rounds, note });
  note("pick-up by an idle worker");
  const pickUps = await withEach((side) => pickUp(side, samples));
  note("commands");
  const wholeJobs = (await withEach((side) => commandsPerJob(side, server.url))).map(([, commands]) => commands);
  await empty();
  await using ours = sides["ours, TCP"]();
  const calls = await commandsOf(ours.store, server.url);
  note("memory");
  const memory = await withEach(async (side) => {
    await side.fill(1_000);
    const before = await memoryNow();
    await side.fill(forMemory);
    return ((await memoryNow()) - before) / forMemory;
  });
  note("a saturated repository");
  await empty();
  await using limited = ourSide({ name: "ours, TCP", connect: tcp, repoLimit });
  const full = await saturated(limited, { limit: repoLimit, parked, samples });
  // A million jobs would be written to the disk for nothing, on both sides.
  await admin.config("SET", "appendonly", "no");
  const grown = [];
  for (const name of ["ours, TCP", "BullMQ"] as const) {
    await empty();
    await using side: QueueSide = sides[name]();
    grown.push([name, await growth(side, { sizes, samples: 500, note })] as const);
  }
  await empty();
  admin.disconnect();
  note(`idle, ${minutes} minutes`);
  const idle = await idleCommands(folder, minutes);
  return queueReport({ speed, pickUps, wholeJobs, calls, memory, parked, full, grown, idle });
}
