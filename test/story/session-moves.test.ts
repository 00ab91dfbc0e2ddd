import { join } from "node:path";
import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { type ARedis, startRedis } from "../support/a-redis.ts";
import { sampleRepo } from "../support/a-repo.ts";
import { aWorld, type SeenJob, type World } from "../support/a-world.ts";
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
  AGENTICORE_WORKTREE_ROOT: join(home, name, "a worktree folder of another name"),
  AGENTICORE_JOBS_DIR: join(home, name, "jobs"),
});

const heard = ({ model }: World, job: SeenJob) =>
  model.requests().findLast(({ session }) => session === job["session_id"])?.userTexts;

/** All values of a Redis, as text. */
async function everything({ url }: ARedis): Promise<string> {
  const client = new Redis(url);
  const values = await Promise.all(
    (await client.keys("*")).map(async (key) => {
      const type = await client.type(key);
      return type === "hash" ? JSON.stringify(await client.hgetall(key)) : "";
    }),
  );
  client.disconnect();
  return values.join("\n");
}

test("a session that began on one box goes on on another with other folders: the model hears all that was said", async () => {
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
  const kept = await everything(redis);
  expect(kept).toContain('"data":"e1:');
  expect(kept).not.toContain("parentUuid");
});
