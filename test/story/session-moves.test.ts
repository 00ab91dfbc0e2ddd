import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { unpackTranscript } from "../../runner/claude/packed-transcript.ts";
import { aGithubWorld } from "../support/a-github-world.ts";
import { type ARedis, startRedis } from "../support/a-redis.ts";
import { sampleRepo } from "../support/a-repo.ts";
import { aWorld, type SeenJob, type World } from "../support/a-world.ts";
import { eventually } from "../support/eventually.ts";
import { redisText } from "../support/redis-text.ts";
import { gitIn } from "../support/sample-repo.ts";

/** An API, and boxes that have nothing in common but a Redis: homes, work folders and clone caches of their own. */
async function boxesApart(settings: Readonly<Record<string, string>> = {}) {
  const redis = await startRedis();
  const repo = await sampleRepo();
  const world = await aWorld({ REDIS_URL: redis.url, AGENTICORE_ALLOWED_REPOS: repo.path, ...settings });
  await world.serve({ direct: true, args: ["--no-runner"] });
  return {
    ...{ world, repo, redis },
    box: (name: string) => world.runner(ownFolders(world, name)),
    [Symbol.asyncDispose]: async () => {
      await world[Symbol.asyncDispose]();
      await repo[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
    },
  };
}

const ownFolders = ({ home }: World, name: string): Readonly<Record<string, string>> => ({
  AGENTICORE_POD_NAME: name,
  CLAUDE_CODE_HOME_DIR: join(home, name),
  AGENTICORE_DATA_DIR: join(home, name, "data"),
  AGENTICORE_REPOS_ROOT: join(home, name, "repos"),
  AGENTICORE_WORKTREE_ROOT: join(home, name, `worktrees of ${name}`),
  AGENTICORE_JOBS_DIR: join(home, name, "jobs"),
});

/** The conversation as the store has it, where it has no key. */
async function toldTo({ url, dir }: ARedis, session: string): Promise<string> {
  const client = new Redis(url);
  const data = await client.hget(`agenticore:transcript:${session}`, "data");
  client.disconnect();
  if (data === null) return "";
  await unpackTranscript(data, join(dir, "told"), { session, key: undefined });
  return readFileSync(join(dir, "told"), "utf8");
}

const heard = ({ model }: World, job: SeenJob) =>
  model.requests().findLast(({ session }) => session === job["session_id"])?.userTexts;

test.concurrent("W-62: a session that began on one box goes on on another with other folders: the model hears all that was said", async () => {
  await using boxes = await boxesApart({ AGENTICORE_SESSION_KEY: Buffer.alloc(32, 9).toString("base64") });
  const { world, repo, redis } = boxes;
  const one = await boxes.box("one");
  const task = "Remember blue. [[scenario:write-commit file=one.txt]]";
  const first = await world.ended((await world.submit({ task, repo_url: repo.path })).id);
  expect(first).toMatchObject({ status: "succeeded", pod_name: "one" });
  expect(await one.end("SIGTERM")).toBe(0);

  const two = await boxes.box("two");
  const next = "What colour? [[scenario:write-commit file=two.txt]]";
  const { session_id } = first;
  const second = await world.ended((await world.submit({ task: next, repo_url: repo.path, session_id })).id);

  expect(second).toMatchObject({ status: "succeeded", pod_name: "two", session_id });
  expect(second["warnings"]).toEqual(first["warnings"]);
  const treeOf = (name: string) => expect.stringContaining(`/worktrees of ${name}/`);
  expect([first["worktree_path"], second["worktree_path"]]).toEqual([treeOf("one"), treeOf("two")]);
  expect(heard(world, second)).toEqual([task, next]);
  expect(gitIn(repo.path)("diff", "--name-only", "main", String(second["branch"]))).toBe("two.txt");
  expect(await two.end("SIGTERM")).toBe(0);

  // And back, where an older copy lies.
  const again = await boxes.box("one");
  const last = "And now? [[scenario:text say=done]]";
  const third = await world.ended((await world.submit({ task: last, repo_url: repo.path, session_id })).id);
  expect(third).toMatchObject({ status: "succeeded", pod_name: "one" });
  expect(heard(world, third)).toEqual([task, next, last]);
  expect(await again.end("SIGTERM")).toBe(0);
  const kept = await redisText(redis);
  expect(kept).toContain('"data":"e1:');
  expect(kept).not.toContain("parentUuid");
});

test.concurrent("a job whose box is lost goes on on another with its conversation and its uncommitted work", async () => {
  await using redis = await startRedis();
  await using at = await aGithubWorld({
    env: (github) => ({
      GITHUB_TOKEN: github.token(),
      REDIS_URL: redis.url,
      AGENTICORE_LEASE_SECONDS: "6",
      AGENTICORE_CHECKPOINT_SECONDS: "1",
    }),
  });
  const { world, repo, url } = at;
  for (const name of ["one", "two"])
    world.write(`${name}/data/profiles/carried/profile.yml`, "extends: code\ncheckpoints: push\n");
  await world.serve({ direct: true, args: ["--no-runner"] });
  const one = await world.runner(ownFolders(world, "one"));
  const isKnown = async () => (await world.call("GET", "/profiles/carried")).status === 200;
  await eventually(isKnown, { what: "the runner has told of its profile" });
  const task = "Work for long. [[scenario:slow once=yes]]";
  const { id } = await world.submit({ task, repo_url: url, profile: "carried" });
  const ref = () => repo.git("for-each-ref", "--format=%(objectname)", `refs/agenticore/${id}`);
  const kept = () => (ref() === "" ? "" : repo.git("ls-tree", "--name-only", `refs/agenticore/${id}`));
  const beats = () => (kept().includes("heartbeat.txt") ? repo.git("show", `refs/agenticore/${id}:heartbeat.txt`) : "");
  await eventually(() => beats().includes("beat 8"), { what: () => `its work is kept; ${one.stderr()}` });
  const { session_id } = await world.job(id);
  const isTold = async () => (await toldTo(redis, String(session_id))).includes(`"uuid":"${id}"`);
  await eventually(isTold, { what: "the conversation with the task is in the store" });
  await one.kill();
  await eventually(() => world.jobProcesses().length === 0, { what: "nothing of the job lives" });

  const two = await world.runner(ownFolders(world, "two"));
  const done = await world.ended(id, 90_000);

  expect(done).toMatchObject({ status: "succeeded", pod_name: "two", attempt: 2 });
  expect(heard(world, done)?.filter((text) => text.includes("[[scenario:"))).toEqual([task]);
  expect(heard(world, done)?.at(-1)).toContain("You were interrupted");
  expect(repo.git("show", `${done["branch"]}:heartbeat.txt`)).toContain("beat 8");
  expect(repo.pulls).toMatchObject([{ head: done["branch"] }]);
  expect(ref()).toBe("");
  expect(await two.end("SIGTERM")).toBe(0);
});

test.concurrent("a job whose box is lost before Claude's first answer goes on elsewhere in the same conversation, and the task is said once", async () => {
  await using boxes = await boxesApart({ AGENTICORE_LEASE_SECONDS: "4" });
  const { world, repo, redis } = boxes;
  const one = await boxes.box("one");
  const task = "Say it. [[scenario:write-commit file=early.txt]] [[hold:early]]";
  const { id } = await world.submit({ task, repo_url: repo.path });
  const before = await world.until(id, (seen) => seen["session_id"] !== undefined);
  const session = String(before["session_id"]);
  await eventually(() => heard(world, before) !== undefined, { what: "the model is asked" });
  const isTold = async () => (await toldTo(redis, session)).includes(`"uuid":"${id}"`);
  await eventually(isTold, { what: "the conversation with the task is in the store" });
  // What a box has not told yet when it is lost, nobody knows.
  const isStarted = async () => (await world.events(id)).some(({ type }) => type === "claude.started");
  await eventually(isStarted, { what: "the store knows that Claude was started" });
  await one.kill();
  await eventually(() => world.jobProcesses().length === 0, { what: "nothing of the job lives" });
  expect((await world.events(id)).filter(({ type }) => type === "tool.started")).toEqual([]);
  world.model.release("early");

  const two = await boxes.box("two");
  const done = await world.ended(id, 90_000);

  expect(done).toMatchObject({ status: "succeeded", pod_name: "two", attempt: 2, session_id: session });
  const started = (await world.events(id)).filter(({ type }) => type === "claude.started");
  expect(started.map(({ data }) => [data["session_id"], data["resumed"]])).toEqual([
    [session, false],
    [session, true],
  ]);
  expect(heard(world, done)?.filter((text) => text.includes("[[scenario:"))).toEqual([task]);
  expect(heard(world, done)?.at(-1)).toContain("cannot be reached any more");
  expect(gitIn(repo.path)("diff", "--name-only", "main", String(done["branch"]))).toBe("early.txt");
  expect(await two.end("SIGTERM")).toBe(0);
});
