import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";
import { makeRepoLock } from "../../../runner/git/repo-lock.ts";
import { scratch } from "../../support/sample-repo.ts";

test("one writer at a time, in the order they came, and a failed one lets the next in", async () => {
  using folder = scratch();
  const lock = makeRepoLock({ waitSeconds: 10 });
  const place = { name: "k", file: join(folder.path, "lock") };
  const log: string[] = [];
  const work = (name: string) => async () => {
    log.push(`${name} in`);
    await new Promise(setImmediate);
    log.push(`${name} out`);
    if (name === "b") throw new Error("b failed");
  };
  const all = await Promise.allSettled(["a", "b", "c"].map((name) => lock(place, work(name))));
  expect(all.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(log).toEqual(["a in", "a out", "b in", "b out", "c in", "c out"]);
});

test("another process's lock is waited for, for so long, and a cancelled wait ends at once", async () => {
  using folder = scratch();
  const file = join(folder.path, "lock");
  const other = spawn("flock", ["-x", "-F", file, "sh", "-c", "echo locked; exec sleep 30"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  await once(other.stdout, "data");
  const place = { name: "k", file };
  await expect(makeRepoLock({ waitSeconds: 0 })(place, async () => "in")).rejects.toMatchObject({
    code: "clone_failed",
  });

  const lock = makeRepoLock({ waitSeconds: 30 });
  const stop = new AbortController();
  const first = lock(place, async () => "first", stop.signal);
  const second = lock(place, async () => "second", stop.signal);
  const third = lock(place, async () => "third");
  stop.abort(new Error("cancelled"));
  const cancelled = { status: "rejected", reason: stop.signal.reason };
  expect(await Promise.allSettled([first, second])).toEqual([cancelled, cancelled]);
  other.kill("SIGKILL");
  expect(await third).toBe("third");
});

test("the lock lives on in a git that outlives us", async () => {
  using folder = scratch();
  const place = { name: "k", file: join(folder.path, "lock") };
  const lock = makeRepoLock({ waitSeconds: 0 });
  const orphan = await lock(place, async ({ lockFd }) =>
    spawn("sleep", ["30"], { stdio: ["ignore", "ignore", "ignore", lockFd] }),
  );
  await expect(lock(place, async () => "in")).rejects.toMatchObject({ code: "clone_failed" });
  orphan.kill("SIGKILL");
  await once(orphan, "exit");
  expect(await lock(place, async () => "in")).toBe("in");
});
