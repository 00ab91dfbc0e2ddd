import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { withFileLock } from "../../../runner/process/file-lock.ts";
import { eventually } from "../../support/eventually.ts";
import { scratch } from "../../support/sample-repo.ts";

/** Processes that have this word on their command line. */
const processesOn = (word: string): readonly number[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(word);
      } catch {
        return false;
      }
    });

test("whoever waits for a lock does not have it because its helper was killed", async () => {
  using place = scratch();
  const lock = join(place.path, "lock");
  const gate = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const first = withFileLock(lock, async () => {
    begun.resolve();
    await gate.promise;
  });
  await begun.promise;
  const holder = processesOn(lock);
  let acted = false;
  const second = withFileLock(lock, async () => {
    acted = true;
  });
  const refused = expect(second).rejects.toMatchObject({ code: "setup_failed" });
  const waiting = () => processesOn(lock).filter((pid) => !holder.includes(pid));
  await eventually(() => waiting().length === 1);
  for (const pid of waiting()) process.kill(pid, "SIGKILL");
  await refused;
  expect(acted).toBe(false);
  gate.resolve();
  await first;
});
