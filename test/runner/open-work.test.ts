import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { keepLease } from "../../runner/keep-lease.ts";
import { openWork } from "../../runner/open-work.ts";
import type { Message } from "../../shared/job.ts";
import { silentLog } from "../../shared/log.ts";
import { Profile } from "../../shared/profile.ts";
import { aGithub } from "../support/a-github.ts";
import { aJob, aMessage, aNewJob } from "../support/a-job.ts";
import { sqliteWorld } from "../support/sqlite-world.ts";
import { aDesk, never } from "./git/a-desk.ts";

const done = {
  exit_code: 0,
  result: {
    ...{ subtype: "success", is_error: false, num_turns: 1, duration_ms: 1, models: [] },
    usage: { input_tokens: 1, output_tokens: 1, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 },
  },
};

/** A second attempt at a job whose first one pushed its branch and closed its tree, and was lost before it said so. */
async function aSecondAttempt({ pushed, messages = [] }: { pushed: boolean; messages?: readonly Message[] }) {
  const desk = await aDesk();
  const world = await sqliteWorld();
  const { tree, job } = await desk.start();
  writeFileSync(join(tree.path, "work.txt"), "work\n");
  const { commit = "" } = await desk.repos.commitLeftovers(tree, "work", never());
  if (pushed) await desk.repos.push(tree, commit, never());
  await desk.repos.close(tree, "discard");
  const facts = { id: job.id as never, repo_url: desk.repo.path, base_ref: tree.baseRef };
  await world.store.submit(aNewJob({ job: { ...facts, branch: tree.branch, commit } }));
  const claim = await world.store.claim({
    ...{ claimId: job.id, runner: "box-1/a1", pod_name: "box-1", pools: ["default"], leaseMs: 360_000 },
  });
  if (!claim) throw new Error("nothing was there to claim");
  const { clock, store } = world;
  const keeper = keepLease(
    { claim, sentAt: clock.uptime() },
    { store, clock, log: silentLog, random: () => 0.5 },
    { leaseMs: 360_000, renewMs: 30_000, urgentMs: 5_000 },
  );
  const own = { run: desk.path, config: desk.path, work: join(desk.path, "work"), tmp: desk.path };
  const open = () =>
    openWork(
      {
        claim: { ...claim, job: { ...claim.job, ...done }, continues: true, messages },
        keeper,
        own,
        pr: Profile.parse({}).pr,
      },
      { repos: desk.repos, clock, redact: (text) => text, github: aGithub() },
      never(),
    );
  const branches = () => desk.repo.git("branch", "--list", "agenticore-*").split("\n").filter(Boolean);
  const dispose = async () => {
    await keeper[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
    await desk[Symbol.asyncDispose]();
  };
  return { open, branches, tree, [Symbol.asyncDispose]: dispose };
}

test("work that was pushed before its runner was lost is not done again, nor pushed under another name", async () => {
  await using attempt = await aSecondAttempt({ pushed: true });
  const place = await attempt.open();

  expect(place).toMatchObject({ continued: true });
  const publication = { job: aJob(), prove: async () => undefined, signal: never() };
  expect(await place.publish(publication)).toEqual({ patch: {}, events: [], warnings: [] });
  expect(attempt.branches()).toHaveLength(1);
});

test("work that never reached the repository begins anew where its tree is lost", async () => {
  await using attempt = await aSecondAttempt({ pushed: false });
  const place = await attempt.open();
  expect(place).toMatchObject({ continued: false });
  expect(place.path).not.toBe(join(attempt.tree.path, "../work"));
  await place.close("discard");
});

test("where somebody has written since, there is work to do, in a tree", async () => {
  await using attempt = await aSecondAttempt({ pushed: true, messages: [aMessage()] });
  const place = await attempt.open();
  expect(place).toMatchObject({ continued: false });
  await place.close("discard");
});
