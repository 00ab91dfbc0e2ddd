import { rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repoKey } from "../../../runner/git/repo-place.ts";
import { openRepos } from "../../../runner/git/repos.ts";
import { personRepo } from "../../support/sample-repo.ts";
import { aDesk, aJob, never } from "./a-desk.ts";

test("a repository is warm once its mirror is here, the one used last comes first, and a new process knows them", async () => {
  let time = Date.parse("2026-03-01T12:00:00.000Z");
  await using desk = await aDesk({ now: () => (time += 5_000) });
  const second = personRepo(join(desk.path, "second"));
  expect(desk.repos.warm()).toEqual([]);
  await expect(desk.repos.prepare(aJob(join(desk.path, "none")), never())).rejects.toThrow();
  expect(desk.repos.warm()).toEqual([]);

  await desk.start();
  await desk.repos.prepare(aJob(second.path), never());
  expect(desk.repos.warm()).toEqual([second.path, desk.repo.path]);
  const { job } = await desk.start();
  expect(desk.repos.warm()).toEqual([desk.repo.path, second.path]);

  await using again = await openRepos(desk.options);
  expect(again.warm()).toEqual([desk.repo.path, second.path]);
  await again.prepare(aJob(second.path), never());
  await again.reopenWorktree(job, never());
  expect(again.warm()).toEqual([desk.repo.path, second.path]);
});

test("a repository is warm under the names that jobs gave it, the latest five of them", async () => {
  await using desk = await aDesk();
  const links = Array.from({ length: 7 }, (_, n) => join(desk.path, `link-${n}`));
  for (const link of links) {
    symlinkSync(desk.repo.path, link);
    await desk.repos.prepare(aJob(link), never());
  }

  expect(desk.repos.warm()).toEqual(links.toReversed());
  await using again = await openRepos(desk.options);
  expect(again.warm().toSorted()).toEqual(links.slice(2));
});

test("a repository whose mirror is gone, or whose note cannot be read, is not warm", async () => {
  await using desk = await aDesk();
  await desk.start();
  const { tree } = await desk.start();
  writeFileSync(join(desk.options.stateDir, repoKey(desk.repo.path), "used.json"), "{");
  await using unread = await openRepos(desk.options);
  expect(unread.warm()).toEqual([]);
  await unread.prepare(aJob(desk.repo.path), never());
  rmSync(join(tree.mirror, "../vault"), { recursive: true });

  await using again = await openRepos(desk.options);
  expect(again.warm()).toEqual([]);
});
