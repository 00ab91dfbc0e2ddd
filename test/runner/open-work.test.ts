import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { keepLease, type LeaseKeeper } from "../../runner/keep-lease.ts";
import { openWork } from "../../runner/open-work.ts";
import { LeaseLost } from "../../shared/error.ts";
import type { Job, Message } from "../../shared/job.ts";
import { silentLog } from "../../shared/log.ts";
import { Profile } from "../../shared/profile.ts";
import { aGithub } from "../support/a-github.ts";
import { aJob, aMessage, aNewJob } from "../support/a-job.ts";
import { aConfig } from "../support/a-served-api.ts";
import { sqliteWorld } from "../support/sqlite-world.ts";
import { aDesk, never } from "./git/a-desk.ts";

const done = {
  exit_code: 0,
  result: {
    ...{ subtype: "success", is_error: false, num_turns: 1, duration_ms: 1, models: [] },
    usage: { input_tokens: 1, output_tokens: 1, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 },
  },
};

type Facts = Readonly<{
  pushed: boolean;
  messages?: readonly Message[];
  /** What becomes of the first attempt's tree. */
  close?: "discard" | "keep";
  /** What the first attempt noted there: whether Claude had ended well, and the commit that it was about to tell of. */
  noted?: boolean;
  told?: boolean;
  /** What the job says of its work. */
  says?: Partial<Job>;
}>;

/** A second attempt at a job whose first one committed its work, and was lost before it said so. */
async function aSecondAttempt({ pushed, messages = [], close = "discard", noted, told = false, says = done }: Facts) {
  const desk = await aDesk();
  const world = await sqliteWorld();
  const { tree, job } = await desk.start();
  writeFileSync(join(tree.path, "work.txt"), "work\n");
  const { commit = "" } = await desk.repos.commitLeftovers(tree, "work", never());
  if (pushed) await desk.repos.push(tree, { commit }, never());
  if (noted !== undefined) await desk.repos.noteDone(tree, noted ? done : undefined);
  if (told) await desk.repos.noteCommit(tree, commit);
  await desk.repos.close(tree, close);
  const facts = { id: job.id as never, repo_url: desk.repo.path, base_ref: tree.baseRef };
  await world.store.submit(aNewJob({ job: { ...facts, branch: tree.branch } }));
  const claim = await world.store.claim({
    ...{ claimId: job.id, runner: "box-1/a1", pod_name: "box-1", pools: ["default"], leaseMs: 360_000 },
  });
  if (!claim) throw new Error("nothing was there to claim");
  const { clock, store } = world;
  const times = { leaseMs: 360_000, renewMs: 30_000, urgentMs: 5_000 };
  const keeper = keepLease(
    { claim, sentAt: clock.uptime() },
    { store, clock, log: silentLog, random: () => 0.5 },
    times,
  );
  const own = { run: desk.path, config: desk.path, work: join(desk.path, "work"), tmp: desk.path };
  const open = (holds: Partial<LeaseKeeper> = {}) =>
    openWork(
      {
        claim: { ...claim, job: { ...claim.job, commit, ...says }, continues: true, messages },
        keeper: { ...keeper, ...holds },
        own,
        pr: Profile.parse({}).pr,
        checkpoints: "none",
      },
      {
        repos: desk.repos,
        store,
        clock,
        times,
        redact: (text) => text,
        github: aGithub(),
        log: silentLog,
        config: aConfig(),
      },
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

test.for([
  { noted: true, says: done, claim: "finished here and told of", holdsWork: true },
  { noted: false, says: {}, claim: "begun here and finished nowhere", holdsWork: false },
])("the tree of an attempt whose work was $claim goes on", async ({ noted, says, holdsWork }) => {
  await using attempt = await aSecondAttempt({
    pushed: false,
    close: "keep",
    noted,
    says: { commit: undefined, ...says },
  });
  const place = await attempt.open();
  expect(place).toMatchObject({ path: attempt.tree.path, continued: true, holdsWork });
});

test("an attempt whose lease is over by the time of its push pushes nothing, and is lost", async () => {
  await using attempt = await aSecondAttempt({ pushed: false, close: "keep", noted: true, told: true });
  const place = await attempt.open({ grant: () => ({ softAt: 0, hardAt: 0 }) });
  const publication = { job: aJob(), prove: async () => undefined, signal: never() };
  await expect(place.publish(publication)).rejects.toBeInstanceOf(LeaseLost);
  expect(attempt.branches()).toEqual([]);
});

test("the tree of an attempt that told of its commit goes on", async () => {
  await using attempt = await aSecondAttempt({ pushed: false, close: "keep", noted: true, told: true });
  const place = await attempt.open();
  expect(place).toMatchObject({ path: attempt.tree.path, continued: true, holdsWork: true, ended: done });
});

const elsewhere = { ...done, commit: "0".repeat(40) };
test.for([
  { noted: false, says: { ...done, commit: undefined }, tree: "begun", claim: "finished" },
  { noted: false, says: elsewhere, tree: "begun", claim: "finished and committed" },
  { noted: true, says: elsewhere, tree: "finished", claim: "finished and committed" },
])(
  "a tree that was $tree and left behind here does not pass for what another box has $claim since",
  async ({ noted, says }) => {
    await using attempt = await aSecondAttempt({ pushed: false, close: "keep", noted, told: noted, says });
    const place = await attempt.open();
    expect(place).toMatchObject({ continued: false, holdsWork: false });
    await place.close("discard");
  },
);
