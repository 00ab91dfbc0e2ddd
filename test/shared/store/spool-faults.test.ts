import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock } from "../../../shared/clock.node.ts";
import type { Job } from "../../../shared/job.ts";
import { silentLog } from "../../../shared/log.ts";
import { openTcpWire } from "../../../shared/store/redis/tcp-wire.node.ts";
import { openRedisStore } from "../../../shared/store/redis.ts";
import { countSpool, spoolFolders } from "../../../shared/store/spool/spool-count.node.ts";
import { withSpool } from "../../../shared/store/spool.node.ts";
import type { NewJob } from "../../../shared/store.ts";
import { aClaim, aNewJob } from "../../support/a-job.ts";
import { startRedis } from "../../support/a-redis.ts";
import { hasty } from "../../support/an-outage.ts";
import { eventually } from "../../support/eventually.ts";
import { startFaultProxy } from "../../support/fault-proxy.ts";
import { seeded } from "../../support/random.ts";

const fresh = (facts: Partial<NewJob> = {}) => aNewJob({ ...facts, job: { created_at: new Date().toISOString() } });

test("whatever befalls requests to Redis and their answers: each accepted job is there once, or was cancelled and never ran", async () => {
  await using parts = new AsyncDisposableStack();
  const redis = parts.use(await startRedis());
  const proxy = parts.use(await startFaultProxy(redis.url, { seed: 7 }));
  const home = mkdtempSync(join(tmpdir(), "agenticore-spool-"));
  parts.defer(() => rmSync(home, { recursive: true, force: true }));
  // Two servers on one disk, and so impatient that the faults reach them.
  const limits = { tryMs: 60, callMs: 120, downMs: 60, probeMs: 200 };
  const server = (url: string) => {
    const wire = openTcpWire({ url, clock: systemClock, random: Math.random, limits: url === proxy.url ? limits : {} });
    const common = { clock: systemClock, random: Math.random };
    return openRedisStore({ ...common, wire, prefix: "spool", newId: randomUUID, limits: {} });
  };
  let spooled = 0;
  const warn = (line: string) => {
    if (line.includes("a job was spooled")) spooled += 1;
  };
  const log = { ...silentLog, warn };
  const spool = { dir: spoolFolders(home).submissions, clock: hasty, log, random: Math.random };
  const servers = [1, 2].map(() => parts.use(withSpool(server(proxy.url), spool)));
  const truth = parts.use(server(redis.url));
  const random = seeded(7);
  const one = () => servers[Math.floor(random.next() * 2)] ?? truth;

  proxy.misbehave({ "lose-reply": 0.25, "lose-request": 0.25, hold: 0.1 });
  const accepted = new Map<string, Set<string>>();
  const unwanted = new Set<string>();
  const submitOne = async (n: number) => {
    const isKeyed = n % 2 === 0;
    const facts = isKeyed ? { idempotency: { key: `k-${n}`, body: "a" } } : {};
    const ids = new Set<string>();
    accepted.set(`${n}`, ids);
    for (let times = 0; times < (isKeyed ? 3 : 1); times += 1) ids.add((await one().submit(fresh(facts))).job.id);
    const [id] = ids;
    if (n % 5 !== 0 || id === undefined) return;
    // Asked until somebody takes it upon himself.
    await eventually(() =>
      one()
        .cancel(id as Job["id"], { name: "ada" })
        .catch(() => undefined),
    );
    unwanted.add(id);
  };
  const somebody = async (first: number) => {
    for (let n = first; n < 60; n += 4) await submitOne(n);
  };
  await Promise.all([0, 1, 2, 3].map(somebody));
  expect(spooled).toBeGreaterThan(5);
  proxy.misbehave({});
  await eventually(async () => (await countSpool(home)).submissions === 0, { what: "the spool is empty" });

  for (const ids of accepted.values()) expect(ids.size).toBe(1);
  const all = [...accepted.values()].flatMap((ids) => [...ids] as Job["id"][]);
  expect(new Set(all).size).toBe(60);
  const ran: string[] = [];
  for (let claim = await truth.claim(aClaim()); claim; claim = await truth.claim(aClaim())) ran.push(claim.job.id);
  expect(ran.sort()).toEqual(all.filter((id) => !unwanted.has(id)).sort());
  for (const id of unwanted) {
    // So impatient a server may still find the line down.
    const job = await eventually(() => servers[0]?.get(id as Job["id"]).catch(() => undefined));
    expect(job).toMatchObject({ status: "cancelled", attempt: 0 });
  }
  expect((await countSpool(home)).broken).toBe(0);
});
