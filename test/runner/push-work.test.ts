import { join } from "node:path";
import { expect, test } from "vitest";
import { openRepos } from "../../runner/git/repos.ts";
import type { Grant } from "../../runner/keep-lease.ts";
import { pushWork } from "../../runner/push-work.ts";
import { systemClock } from "../../shared/clock.node.ts";
import { LeaseLost } from "../../shared/error.ts";
import type { JobId } from "../../shared/job.ts";
import { gatedGit } from "../support/gated-git.ts";
import { aDesk, aJob, never } from "./git/a-desk.ts";
import { work } from "./git/a-hosted-desk.ts";

/** A push that waits inside git, under the grants that its runner has at each look; it is told of no other. */
async function aHeldPush(grants: readonly number[]) {
  const desk = await aDesk();
  const git = gatedGit(join(desk.path, "gated"));
  const repos = await openRepos({ ...desk.options, gitBinary: git.binary });
  const job = aJob(desk.repo.path);
  const tree = await repos.openWorktree(await repos.prepare(job, never()), job, never());
  const commit = await work(desk, tree);
  git.hold("push");
  const begun = systemClock.uptime();
  let looks = 0;
  const grant = (): Grant => {
    const at = begun + (grants[looks++] ?? grants.at(-1) ?? 0);
    return { softAt: at, hardAt: at };
  };
  const keeper = { lease: { job: job.id as JobId, runner: "box-1/a", fence: 1 }, grant, onGrant: () => undefined };
  let proofs = 0;
  const prove = async () => {
    proofs += 1;
    if (proofs === 2) git.release("push");
  };
  const pushed = pushWork({ tree, commit, earlier: undefined, keeper, prove }, { repos, clock: systemClock }, never());
  pushed.catch(() => undefined);
  const end = async () => {
    git.release("push");
    await pushed.catch(() => undefined);
    await repos[Symbol.asyncDispose]();
    await desk[Symbol.asyncDispose]();
  };
  return { pushed, branch: () => desk.repo.git("branch", "--list", tree.branch), [Symbol.asyncDispose]: end };
}

test("a push that was ended with its grant is made again where the lease turns out to be held still", async () => {
  await using push = await aHeldPush([1_000, 600_000]);
  await expect(push.pushed).resolves.toMatchObject({ how: "new" });
});

test("and is lost with the lease where not: nothing is pushed", async () => {
  await using push = await aHeldPush([1_000]);
  await expect(push.pushed).rejects.toBeInstanceOf(LeaseLost);
  expect(push.branch()).toBe("");
});
