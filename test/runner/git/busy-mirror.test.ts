import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { gitIn, plainGitEnv } from "../../support/sample-repo.ts";
import { aDesk, aJob, never } from "./a-desk.ts";

const run = promisify(execFile);
/**
 * An agent's git, beside everything else that goes on. Where two of them meet in one folder of objects git may
 * give up (it writes where another has just removed the empty folder); an agent tries again, and so does this.
 */
const agent = async (path: string, ...args: readonly string[]) => {
  for (let tries = 4; ; tries -= 1) {
    try {
      return await once(path, args);
    } catch (error) {
      if (tries === 0) throw error;
    }
  }
};
const once = (path: string, args: readonly string[]) =>
  run("git", ["-c", "user.name=x", "-c", "user.email=x@x", ...args], { cwd: path, env: plainGitEnv() });

test("agents that commit, collect garbage and prune trees all at once lose nobody's work and fail nobody's job", async () => {
  await using desk = await aDesk({ poolSize: 2 });
  const keeper = await desk.start();
  writeFileSync(join(keeper.tree.path, "staged.txt"), "staged\n");
  await agent(keeper.tree.path, "add", "staged.txt");

  const job = async (n: number) => {
    const wanted = aJob(desk.repo.path);
    const tree = await desk.repos.openWorktree(await desk.repos.prepare(wanted, never()), wanted, never());
    for (const step of [1, 2]) {
      writeFileSync(join(tree.path, `work-${n}.txt`), `${step}\n`);
      await agent(tree.path, "add", ".");
      await agent(tree.path, "commit", "-qm", `${n}.${step}`);
      // Two collectors at once: git lets one of them give up, which is no failure of the job.
      await once(tree.path, ["gc", "--quiet"]).catch(() => undefined);
      await agent(tree.path, "worktree", "prune", "--expire=now");
    }
    writeFileSync(join(tree.path, `left-${n}.txt`), "left\n");
    const left = await desk.repos.commitLeftovers(tree, "left", never());
    await desk.repos.push(tree, { commit: left.commit ?? "" }, never());
    await desk.repos.close(tree, "reuse");
    return tree.branch;
  };
  const rounds = await Promise.all(
    [0, 1, 2].map(async (lane) => [await job(lane), await job(lane + 10), await job(lane + 20)]),
  );
  for (const branch of rounds.flat())
    expect(desk.repo.git("log", "--format=%s", `main..${branch}`)).toMatch(/^left\n\d+\.2\n\d+\.1$/);
  expect(desk.repo.git("fsck", "--no-dangling")).toBe("");
  expect(gitIn(keeper.tree.path)("status", "--porcelain")).toBe("A  staged.txt");
  expect(gitIn(keeper.tree.path)("fsck", "--no-dangling")).toBe("");
  expect(desk.repos.counters.poolHits).toBeGreaterThan(0);
});
