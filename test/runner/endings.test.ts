import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Conclusion } from "../../runner/conclude.ts";
import { readEndings, writeEnding } from "../../runner/ending-file.ts";
import { openInstance } from "../../runner/process/instance.ts";
import { writeRunFile } from "../../runner/process/run-file.ts";
import { recoverRuns } from "../../runner/recover-runs.ts";
import { reportEnd } from "../../runner/report-end.ts";
import { silentTelemetry } from "../../runner/telemetry/telemetry.ts";
import { systemClock } from "../../shared/clock.node.ts";
import type { NewEvent } from "../../shared/event.ts";
import { type Log, silentLog } from "../../shared/log.ts";
import type { JobStore } from "../../shared/store.ts";
import { aClaim, aNewJob } from "../support/a-job.ts";
import { eventually } from "../support/eventually.ts";
import { somePlaces } from "../support/some-places.ts";
import { sqliteWorld } from "../support/sqlite-world.ts";
import { unsteady } from "../support/unsteady-store.ts";

const times = { leaseMs: 360_000, renewMs: 30_000, urgentMs: 5_000 };
const said = (text: string): NewEvent => ({ type: "claude.said", data: { text } });
const done: Conclusion = { finish: { status: "succeeded", patch: { output: "done" }, events: [said("last")] } };

/** An attempt of a runner on a box of its own, about to end; and what a later runner there would do. */
async function anEnd() {
  const world = await sqliteWorld();
  const { clock } = world;
  const places = somePlaces(world.dir);
  mkdirSync(places.runs);
  const me = await openInstance(places.runs, "box-1/a1");
  const behind = unsteady(world.store);
  await world.store.submit(aNewJob());
  const claim = await world.store.claim(aClaim());
  if (!claim) throw new Error("there was a job to claim");
  const { lease } = claim;
  await writeRunFile(places.runs, {
    ...{ job: lease.job, fence: lease.fence, runner: me.identity, run_dir: join(places.runs, lease.job) },
    ...{ pid: null, start_time: null, worktree_path: null, session_id: null },
  });
  const stop = new AbortController();
  const lines: string[] = [];
  const note = (message: string) => void lines.push(message);
  const log: Log = { ...silentLog, warn: note, error: note };
  const deps = {
    ...{ store: behind.store, clock, log, random: () => 0.5, times, places, telemetry: silentTelemetry },
    tmpRoot: world.dir,
  };
  const left = { patch: { cost_usd: 1 }, events: [said("untold")], firstEvent: 0 };
  const name = `${lease.job}.${lease.fence}.json`;
  const tidied: string[][] = [];
  const tidy = async () => void tidied.push([places.endings, places.runs].filter((at) => existsSync(join(at, name))));
  const report = (conclusion = done, facts: Partial<typeof left> = {}, store: JobStore = behind.store) =>
    reportEnd(
      conclusion,
      { claim, tidy, left: { ...left, ...facts }, log, stop: stop.signal },
      { ...deps, store, identity: me.identity },
    );
  return {
    ...{ world, places, claim, lease, stop, lines, tidied, report, link: behind.link, truth: world.store, clock, name },
    ending: join(places.endings, name),
    run: join(places.runs, name),
    /** Moves time until it is over. */
    through: async (work: Promise<unknown>) => {
      let over = false;
      void work.finally(() => {
        over = true;
      });
      await eventually(() => {
        if (!over) clock.advance(250);
        return over;
      });
      await work;
    },
    /** The runner is gone, as by kill -9: its file says so, and another one starts. */
    restart: async (store: JobStore = behind.store) => {
      for (const folder of [places.runs, places.endings]) {
        const path = join(folder, name);
        if (!existsSync(path)) continue;
        const file = JSON.parse(readFileSync(path, "utf8"));
        // The same place, and a process id that begins where none ever did.
        file.runner.start_time += 1_000_000_000;
        writeFileSync(path, JSON.stringify(file));
      }
      const next = { ...me.identity, instance: "box-1/a2" };
      return await recoverRuns({ ...deps, store, clock: systemClock, identity: next }, stop.signal);
    },
    events: async () => (await world.store.events(lease.job, {})).events.map(({ type, data }) => data["text"] ?? type),
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await me[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}

test("an end is on the disk before the store hears of it, the run file is gone by then, and both are gone after", async () => {
  await using end = await anEnd();
  const seen: unknown[] = [];
  await end.report(
    done,
    {},
    {
      ...end.truth,
      finish: async (...told) => {
        seen.push(existsSync(end.run), statSync(end.ending).mode & 0o777, statSync(end.places.endings).mode & 0o777);
        return await end.truth.finish(...told);
      },
    },
  );
  expect(seen).toEqual([false, 0o600, 0o700]);
  expect([existsSync(end.run), existsSync(end.ending)]).toEqual([false, false]);
  expect(await end.truth.get(end.lease.job)).toMatchObject({ status: "succeeded", output: "done", cost_usd: 1 });
});

test("the tree is put away when the end is on the disk, and not before: until then it is what the next attempt goes on with", async () => {
  await using end = await anEnd();
  await end.report();
  expect(end.tidied).toEqual([[end.places.endings, end.places.runs]]);
});

test("a runner that dies between the end and the store's answer repeats nothing: the next one tells the same end", async () => {
  await using end = await anEnd();
  end.link.is = "away";
  void end.report();
  await eventually(() => existsSync(end.ending) && !existsSync(end.run));
  end.link.is = "up";

  await end.restart(end.truth);
  const job = await end.truth.get(end.lease.job);
  expect(job).toMatchObject({ status: "succeeded", attempt: 1, attempts: [{ reason: "ended" }], output: "done" });
  expect(await end.events()).toEqual(["job.queued", "job.claimed", "untold", "last", "job.succeeded"]);
  expect(readdirSync(end.places.endings)).toEqual([]);
});

test("where both the end and the run file are there, the end speaks for the attempt", async () => {
  await using end = await anEnd();
  const run = readFileSync(end.run, "utf8");
  end.link.is = "away";
  void end.report();
  await eventually(() => existsSync(end.ending) && !existsSync(end.run));
  writeFileSync(end.run, run);

  await end.restart(end.truth);
  expect(await end.truth.get(end.lease.job)).toMatchObject({ status: "succeeded", attempt: 1 });
  expect([existsSync(end.run), existsSync(end.ending)]).toEqual([false, false]);
});

test("an end that the store had taken, and only the answer was lost, is told again without effect", async () => {
  await using end = await anEnd();
  end.link.is = "deaf";
  void end.report();
  await eventually(async () => (await end.truth.get(end.lease.job))?.status === "succeeded");

  await end.restart(end.truth);
  expect(await end.events()).toEqual(["job.queued", "job.claimed", "untold", "last", "job.succeeded"]);
  expect(existsSync(end.ending)).toBe(false);
});

test("an end is told however late, as long as nobody has taken the job over", async () => {
  await using end = await anEnd();
  end.link.is = "away";
  const reported = end.report();
  for (let passed = 0; passed < 3 * times.leaseMs; passed += 60_000) {
    await eventually(() => end.clock.sleepers() > 0);
    end.clock.advance(60_000);
  }
  end.link.is = "up";
  await end.through(reported);
  expect(await end.truth.get(end.lease.job)).toMatchObject({ status: "succeeded", attempt: 1 });
});

test("an end of a lease that somebody else has by now is dropped, and changes nothing", async () => {
  await using end = await anEnd();
  end.link.is = "away";
  const reported = end.report();
  await eventually(() => existsSync(end.ending));
  end.clock.advance(times.leaseMs + 1);
  const successor = await end.truth.claim(aClaim({ runner: "box-2/b1", pod_name: "box-2" }));
  expect(successor?.job.id).toBe(end.lease.job);
  end.link.is = "up";

  await end.through(reported);
  expect(await end.truth.get(end.lease.job)).toMatchObject({ status: "running", pod_name: "box-2", attempt: 2 });
  expect(existsSync(end.ending)).toBe(false);
});

test("a runner that is told to stop at once leaves the end to the next one", async () => {
  await using end = await anEnd();
  end.link.is = "away";
  const reported = end.report();
  await eventually(() => end.clock.sleepers() > 0);
  end.stop.abort();
  await end.through(reported);
  expect([existsSync(end.run), existsSync(end.ending)]).toEqual([false, true]);
  expect(end.lines.at(-1)).toContain("the next runner");
});

test("where the disk does not take the end, the run file speaks until the store has answered", async () => {
  await using end = await anEnd();
  rmSync(end.places.endings, { recursive: true, force: true });
  mkdirSync(join(end.places.endings, ".."), { recursive: true });
  writeFileSync(end.places.endings, "a file where the folder should be");
  const seen: boolean[] = [];
  await end.report(
    done,
    {},
    {
      ...end.truth,
      finish: async (...told) => {
        seen.push(existsSync(end.run));
        return await end.truth.finish(...told);
      },
    },
  );
  expect([...seen, existsSync(end.run)]).toEqual([true, false]);
});

test("a runner starts although the store is away, and tells what lost ones had begun when it is back", async () => {
  await using end = await anEnd();
  end.link.is = "away";
  void end.report();
  await eventually(() => existsSync(end.ending));
  const other = aNewJob();
  await end.truth.submit(other);
  const claim = await end.truth.claim(aClaim());
  await writeRunFile(end.places.runs, {
    ...{ job: other.job.id, fence: claim?.lease.fence ?? 0, run_dir: join(end.places.runs, other.job.id) },
    runner: { ...JSON.parse(readFileSync(end.ending, "utf8")).runner, instance: "box-1/a1", start_time: 1 },
    ...{ pid: null, start_time: null, worktree_path: null, session_id: null },
  });
  const { rest } = await end.restart();
  expect(await end.truth.get(end.lease.job)).toMatchObject({ status: "running" });

  end.link.is = "up";
  await rest;
  expect(await end.truth.get(end.lease.job)).toMatchObject({ status: "succeeded" });
  expect(await end.truth.get(other.job.id)).toMatchObject({ status: "queued", attempts: [{ reason: "crashed" }] });
  expect(readdirSync(end.places.runs).filter((name) => name.endsWith(".json"))).toEqual([]);
});

test("an end that cannot be read is set aside with an error, and its attempt is given back by its run file", async () => {
  await using end = await anEnd();
  mkdirSync(end.places.endings, { recursive: true });
  writeFileSync(end.ending, '{"lease": 1, "runner": {}}');
  await end.restart(end.truth);
  expect(await end.truth.get(end.lease.job)).toMatchObject({ status: "queued", attempts: [{ reason: "crashed" }] });
  expect(readdirSync(end.places.endings)).toEqual([`${end.name}.broken`]);
  expect(end.lines.join()).toContain("set aside");
});

test("the end of a runner that lives is left to it", async () => {
  await using end = await anEnd();
  end.link.is = "away";
  void end.report();
  await eventually(() => existsSync(end.ending));
  const { files } = await readEndings(end.places.endings);
  for (const file of files)
    await writeEnding(end.places.endings, { ...file, runner: { ...file.runner, instance: "box-1/a0" } });

  const { rest } = await recoverRuns(
    {
      ...{ store: end.truth, clock: end.clock, log: silentLog, random: () => 0.5, times, telemetry: silentTelemetry },
      ...{
        places: end.places,
        tmpRoot: end.world.dir,
        identity: { ...(files[0]?.runner ?? raise()), instance: "box-1/a2" },
      },
    },
    end.stop.signal,
  );
  await rest;
  expect(await end.truth.get(end.lease.job)).toMatchObject({ status: "running" });
});

test("what an outage has left untold is told in pieces, each event once, and the delay of a job counts from its end", async () => {
  await using end = await anEnd();
  const events = Array.from({ length: 4_000 }, (_, n) => said(`${n} ${"x".repeat(n % 7 === 0 ? 2_000 : 10)}`));
  const release: Conclusion = {
    release: {
      reason: "waiting",
      delayMs: 60_000,
      waiting: { reason: "backoff", until: new Date(end.clock.now() + 60_000).toISOString() },
    },
  };
  end.link.is = "deaf";
  const reported = end.report(release, { events });
  await eventually(() => end.clock.sleepers() > 0);
  end.clock.advance(45_000);
  end.link.is = "up";
  await end.through(reported);

  const all: string[] = [];
  for (let after: string | undefined; ; ) {
    const page = await end.truth.events(end.lease.job, after === undefined ? {} : { after });
    all.push(...page.events.flatMap(({ data }) => (typeof data["text"] === "string" ? [data["text"]] : [])));
    if (page.events.length === 0) break;
    after = page.next;
  }
  expect(all).toEqual(events.map(({ data }) => ("text" in data ? data.text : "")));
  expect(await end.truth.claim(aClaim())).toBeUndefined();
  end.clock.advance(15_001);
  expect((await end.truth.claim(aClaim()))?.job.id).toBe(end.lease.job);
});

function raise(): never {
  throw new Error("there was an end to read");
}
