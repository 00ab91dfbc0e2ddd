import { expect, test } from "vitest";
import { sampleRepo } from "../support/a-repo.ts";
import { aWorld } from "../support/a-world.ts";
import { gatedGit } from "../support/gated-git.ts";

test("W-11: while a clone hangs the server answers, and another job runs", async () => {
  await using world = await aWorld();
  await using repo = await sampleRepo();
  const git = gatedGit(world.home);
  git.hold("ls-remote");
  await world.serve({ direct: true, env: { PATH: git.path } });
  const { id } = await world.submit({ task: "Go. [[scenario:text]]", repo_url: repo.path });
  await git.reached("ls-remote");
  for (let times = 0; times < 10; times += 1) {
    const asked = performance.now();
    expect((await world.call("GET", "/health")).status).toBe(200);
    expect((await world.call("GET", "/ready")).status).toBe(200);
    expect(performance.now() - asked).toBeLessThan(2_000);
  }
  const other = await world.submit({ task: "Go. [[scenario:text]]" });
  expect(await world.ended(other.id)).toMatchObject({ status: "succeeded" });
  expect(await world.job(id)).toMatchObject({ status: "running", phase: "cloning" });
  git.release("ls-remote");
  expect(await world.ended(id)).toMatchObject({ status: "succeeded", attempt: 1 });
});
