import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sampleRepo } from "../support/a-repo.ts";
import { eventually } from "../support/eventually.ts";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { freePort } from "../support/free-port.ts";
import { killProcessesWith } from "../support/leftovers.ts";
import { type Api, type Box, type Ground, openBox, runnerEnv } from "./boxes.ts";
import { type JobProcesses, jobProcesses } from "./job-processes.ts";
import type { Kept } from "./keep-process.ts";
import { type KeptRedis, keepRedis } from "./kept-redis.ts";
import { keepLink, type Link } from "./link.ts";

/** All parts of a run: one Redis, its bridge to HTTP, and whoever reaches either, each by a way of its own. */
export type Cluster = AsyncDisposable &
  Ground &
  Readonly<{
    redis: KeptRedis;
    bridge: Kept;
    /** The even ones reach Redis over TCP, the others over HTTP. */
    runners: readonly Box[];
    apis: readonly Api[];
    links: readonly Link[];
    /** Every process that is started again when it ends. */
    kept: readonly Kept[];
    jobProcesses: () => JobProcesses;
  }>;

/** `parallel`: jobs that each runner takes at once. */
export type ClusterOptions = Readonly<{
  seed: number;
  runners: number;
  apis: number;
  leaseMs: number;
  parallel: number;
}>;

const bridgeToken = "made-up-token-of-the-bridge";

/** Resolves when all are up. */
export async function openCluster({ seed, runners, apis, leaseMs, parallel }: ClusterOptions): Promise<Cluster> {
  await using parts = new AsyncDisposableStack();
  // Not the usual temporary folder: a job has its own in that place, and could not write its life.
  const folder = mkdtempSync("/var/tmp/ac-chaos-");
  parts.defer(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const { path: repo } = parts.use(await sampleRepo());
  const ground: Ground = { folder, repo, leaseMs, life: join(folder, "life") };
  writeFileSync(ground.life, "");
  parts.defer(() => void killProcessesWith("CHAOS_LIFE", ground.life));
  const redis = parts.use(await keepRedis());
  const bridge = await openBridge(ground, redis);
  parts.use(bridge.kept);
  await isUp(bridge.kept, /serves Redis over HTTP/);

  const links: Link[] = [];
  /** The even ones over TCP. */
  const storeOf = async (at: number): Promise<Readonly<Record<string, string>>> => {
    const isTcp = at % 2 === 0;
    const target = isTcp ? redis.redis.url : bridge.url;
    const proxy: FaultProxy = parts.use(await startFaultProxy(target, { seed: seed * 100 + links.length }));
    links.push(keepLink(proxy, isTcp ? "tcp" : "http"));
    return { REDIS_URL: proxy.url, ...(isTcp ? {} : { REDIS_TOKEN: bridgeToken }) };
  };
  const boxes: Box[] = [];
  for (let at = 0; at < runners; at += 1) {
    const many = { AGENTICORE_MAX_PARALLEL_JOBS: String(parallel) };
    const env = { ...runnerEnv(ground, at), ...many, ...(await storeOf(at)) };
    const box = openBox(ground, { name: `box-${at}`, command: ["runner"], env });
    parts.use(box.kept);
    boxes.push(box);
  }
  const servers: Api[] = [];
  for (let at = 0; at < apis; at += 1) {
    const port = await freePort();
    const env = { AGENTICORE_PORT: String(port), ...(await storeOf(at)) };
    const { kept } = openBox(ground, { name: `api-${at}`, command: ["serve", "--no-runner"], env });
    parts.use(kept);
    servers.push({ kept, url: `http://127.0.0.1:${port}` });
  }
  for (const { kept } of boxes) await isUp(kept, runnerReady);
  for (const { kept } of servers) await isUp(kept, /listening on/);
  const kept = [...boxes, ...servers].map((part) => part.kept);
  const all = parts.move();
  return {
    ...{ ...ground, redis, bridge: bridge.kept, runners: boxes, apis: servers, links },
    kept: [...kept, bridge.kept],
    jobProcesses: () =>
      jobProcesses(
        folder,
        [...kept, bridge.kept].map((one) => one.pid()),
      ),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

export const runnerReady = /runner ready/;

const isUp = (kept: Kept, says: RegExp): Promise<unknown> =>
  eventually(() => says.test(kept.said()), { what: () => `${kept.name} is up; it said: ${kept.said()}` });

async function openBridge(ground: Ground, { redis }: KeptRedis): Promise<Api> {
  const port = await freePort();
  const env = {
    REDIS_URL: redis.url,
    AGENTICORE_REDIS_HTTP_PORT: String(port),
    AGENTICORE_REDIS_HTTP_TOKENS: `all:full:${bridgeToken}`,
  };
  const { kept } = openBox(ground, { name: "bridge", command: ["redis-http"], env });
  return { kept, url: `http://127.0.0.1:${port}` };
}
