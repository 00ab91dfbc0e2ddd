import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openSqliteStore } from "../../../shared/store/sqlite.node.ts";
import { aClaim, aNewJob } from "../../support/a-job.ts";
import { fakeClock } from "../../support/fake-clock.ts";

test("the database, its log and its folder are its owner's alone", async () => {
  const dir = mkdtempSync(join(tmpdir(), "agenticore-store-"));
  const store = await openSqliteStore({ path: join(dir, "data/a.db"), clock: fakeClock(), bootId: "boot" });
  await store.submit(aNewJob());

  const modes = ["data", "data/a.db", "data/a.db-wal"].map((name) => statSync(join(dir, name)).mode & 0o777);
  expect(modes).toEqual([0o700, 0o600, 0o600]);

  await store[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
});

test("a job is submitted, claimed, finished and read again", async () => {
  const dir = mkdtempSync(join(tmpdir(), "agenticore-store-"));
  const store = await openSqliteStore({ path: join(dir, "a.db"), clock: fakeClock(), bootId: "boot" });
  const { job } = await store.submit(aNewJob());
  const claim = await store.claim(aClaim());
  if (claim) await store.finish(claim.lease, { status: "succeeded", patch: { output: "done" } });

  expect(await store.get(job.id)).toMatchObject({ status: "succeeded", attempt: 1, output: "done" });

  await store[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
});
