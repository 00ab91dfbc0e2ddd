import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { systemClock } from "../../../shared/clock.node.ts";
import { openSqliteStore } from "../../../shared/store/sqlite.node.ts";
import { aNewJob } from "../../support/a-job.ts";

const program = join(import.meta.dirname, "../../fixtures/store-claimer.ts");

/** Processes that claim from one file; all are dead and the file is gone at the end. */
async function claimers(count: number) {
  const dir = mkdtempSync(join(tmpdir(), "agenticore-store-"));
  const path = join(dir, "data/agenticore.db");
  const lines: string[] = [];
  const children = Array.from({ length: count }, (_, n) => {
    const child = spawn(process.execPath, [program, path, `box-${n}`], { stdio: ["ignore", "pipe", "inherit"] });
    child.stdout.setEncoding("utf8").on("data", (text: string) => lines.push(...text.trim().split("\n")));
    return child;
  });
  const until = async (fits: () => boolean) => {
    for (const end = performance.now() + 60_000; !fits(); ) {
      if (performance.now() > end) throw new Error(`within 60 s: ${lines.length} lines`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const kill = async (child: ChildProcess) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  };
  await until(() => lines.length === count).catch(async (error: unknown) => {
    await Promise.all(children.map(kill));
    throw error;
  });
  lines.length = 0;
  return {
    path,
    children,
    lines,
    until,
    kill,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(children.map(kill));
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

test("processes that open a new store at once, and share it, run each job once and wake for each other's jobs", async () => {
  await using world = await claimers(3);
  await using store = await openSqliteStore({ path: world.path, clock: systemClock, bootId: "boot" });
  for (let n = 0; n < 60; n += 1) await store.submit(aNewJob());
  await world.until(() => world.lines.length >= 60);

  expect(new Set(world.lines).size).toBe(60);
  expect(await store.counts()).toMatchObject({ byStatus: { succeeded: 60 } });
  const { jobs } = await store.list({ limit: 60 });
  expect(jobs.every((job) => job.attempt === 1)).toBe(true);
});

test("a process killed while it writes leaves a sound file, no half-made step and its jobs for others", async () => {
  await using world = await claimers(2);
  await using store = await openSqliteStore({ path: world.path, clock: systemClock, bootId: "boot" });
  const submitting = (async () => {
    for (let n = 0; n < 80; n += 1) await store.submit(aNewJob());
  })();
  await world.until(() => world.lines.length >= 10);
  const [victim] = world.children;
  if (victim) await world.kill(victim);
  await submitting;
  const ended = async () => {
    const { byStatus } = await store.counts();
    return (byStatus.succeeded ?? 0) + (byStatus.running ?? 0);
  };
  for (const end = performance.now() + 60_000; (await ended()) < 80 && performance.now() < end; )
    await new Promise((resolve) => setTimeout(resolve, 20));

  expect(await ended()).toBe(80);
  for (const { id, status, attempt } of (await store.list({ limit: 100 })).jobs) {
    const types = (await store.events(id, {})).events.map((event) => event.type);
    const all = ["job.queued", "job.claimed", "job.succeeded"];
    expect([status, attempt, types]).toEqual([status, 1, status === "running" ? all.slice(0, 2) : all]);
  }
  using file = new DatabaseSync(world.path);
  expect(file.prepare("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
});
