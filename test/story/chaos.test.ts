import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { idOf, openClients } from "../chaos/clients.ts";
import { type Cluster, openCluster } from "../chaos/cluster.ts";
import { readLives } from "../chaos/life-log.ts";
import { isSound, renderOutcome } from "../chaos/outcome.ts";
import { chaosDefaults, runChaos } from "../chaos/run-chaos.ts";
import { eventually } from "../support/eventually.ts";

const lease = { leaseMs: 3_000 };

test("a short storm loses nothing, runs nothing twice at once and leaves nothing behind", async () => {
  const notes: string[] = [];
  const outcome = await runChaos({
    ...{ ...chaosDefaults, seed: 1, runners: 3, durationMs: 10_000, faultEveryMs: 500, recoveries: 1 },
    note: (line) => void notes.push(line),
  });
  expect(isSound(outcome), `${notes.join("\n")}\n\n${renderOutcome(outcome)}`).toBe(true);
  expect(outcome.endings["succeeded"]).toBeGreaterThan(0);
  // How much less where nothing else runs is measured by the benchmark.
  for (const ms of [...outcome.recovery.restarted, ...outcome.recovery.gone])
    expect(ms).toBeLessThan(lease.leaseMs + 10_000);
});

test("two runners and an API in processes of their own share one Redis and drain 200 jobs while they are killed", async () => {
  const notes: string[] = [];
  const outcome = await runChaos({
    ...{ ...chaosDefaults, seed: 2, runners: 2, apis: 1, durationMs: 15_000, recoveries: 0, parallel: 4 },
    ...{ jobs: 200, jobEveryMs: 40, beats: 3, repoShare: 0 },
    note: (line) => void notes.push(line),
  });
  expect(isSound(outcome), `${notes.join("\n")}\n\n${renderOutcome(outcome)}`).toBe(true);
  expect(outcome.jobs).toBe(200);
});

test("a cancel through one API stops a job on another box within two seconds, whichever way each reaches Redis", async () => {
  await using cluster = await openCluster({ ...lease, seed: 1, runners: 2, apis: 2, parallel: 2 });
  const { signal } = new AbortController();
  const clients = openClients({ urls: cluster.apis.map(({ url }) => url), repo: cluster.repo, signal });
  const numbers = [0, 1, 2, 3];
  const placed = await Promise.all(
    numbers.map((number) =>
      clients.place({
        ...{ key: `cancel-${number}`, atMs: 0, task: "Stay: beats=2000", inRepo: false, follows: false, copies: 1 },
        choice: number % 2 === 0 ? 0 : 0.5,
      }),
    ),
  );
  await eventually(() => livesIn(cluster).length === numbers.length, { what: "all four run" });
  const pods = await Promise.all(placed.map(async (one) => (await clients.job(idOf(one))).pod_name));
  expect(pods.toSorted()).toEqual(["box-0", "box-0", "box-1", "box-1"]);

  const askedAt = Date.now();
  await Promise.all(placed.map((one) => clients.cancel(one)));
  await eventually(() => cluster.jobProcesses().all.length === 0, { what: "all are dead" });

  for (const { lastAt } of livesIn(cluster)) expect(lastAt - askedAt).toBeLessThan(2_000);
  for (const one of placed)
    await eventually(async () => (await clients.job(idOf(one))).status === "cancelled", { deadlineMs: 5_000 });
});

const livesIn = ({ life }: Cluster) => readLives(readFileSync(life, "utf8"));
