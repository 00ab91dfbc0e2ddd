import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sampleRepo } from "../support/a-repo.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";
import { killProcessesWith } from "../support/leftovers.ts";
import { type Api, type Box, type Ground, openBox, runnerEnv } from "./boxes.ts";
import { type JobProcesses, jobProcesses } from "./job-processes.ts";
import type { Kept } from "./keep-process.ts";

/** All parts of a run: one store, and what reaches it. */
export type Cluster = AsyncDisposable &
  Ground &
  Readonly<{
    runners: readonly Box[];
    apis: readonly Api[];
    /** Every process that is started again when it ends. */
    kept: readonly Kept[];
    jobProcesses: () => JobProcesses;
  }>;

export type ClusterOptions = Readonly<{ runners: number; apis: number; leaseMs: number }>;

const runnerReady = /runner ready/;

/** Resolves when all runners and APIs are up. */
export async function openCluster({ runners, apis, leaseMs }: ClusterOptions): Promise<Cluster> {
  await using parts = new AsyncDisposableStack();
  // Not the usual temporary folder: a job has its own in that place, and could not write its life.
  const folder = mkdtempSync("/var/tmp/ac-chaos-");
  parts.defer(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const repo = parts.use(await sampleRepo());
  const ground: Ground = { folder, repo: repo.path, leaseMs, life: join(folder, "life") };
  writeFileSync(ground.life, "");
  parts.defer(() => void killProcessesWith("CHAOS_LIFE", ground.life));
  const data = join(folder, "data");
  mkdirSync(data);
  const store = { AGENTICORE_DATA_DIR: data };

  const boxes = Array.from({ length: runners }, (_, at) =>
    openBox(ground, { name: `box-${at}`, command: ["runner"], env: { ...runnerEnv(ground, at), ...store } }),
  );
  const servers: Api[] = [];
  for (let at = 0; at < apis; at += 1) {
    const port = await freePort();
    const env = { AGENTICORE_PORT: String(port), ...store };
    const { kept } = openBox(ground, { name: `api-${at}`, command: ["serve", "--no-runner"], env });
    servers.push({ kept, url: `http://127.0.0.1:${port}` });
  }
  const kept = [...boxes, ...servers].map((part) => parts.use(part.kept));
  for (const one of kept) {
    const up = one.name.startsWith("box") ? runnerReady : /listening on/;
    await eventually(() => up.test(one.said()), { what: () => `${one.name} is up; it said: ${one.said()}` });
  }
  const all = parts.move();
  return {
    ...ground,
    runners: boxes,
    apis: servers,
    kept,
    jobProcesses: () =>
      jobProcesses(
        folder,
        kept.map((one) => one.pid()),
      ),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
