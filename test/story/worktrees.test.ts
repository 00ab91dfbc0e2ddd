import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sampleRepo } from "../support/a-repo.ts";
import { aWorld, type SeenJob, type World } from "../support/a-world.ts";
import { eventually } from "../support/eventually.ts";
import { gitIn } from "../support/sample-repo.ts";

let world: World;
beforeAll(async () => {
  world = await aWorld({ AGENTICORE_ALLOWED_REPOS: "/tmp/**" });
  await world.serve({ direct: true });
});
afterAll(() => world[Symbol.asyncDispose]());

const worktree = async (id: string) => (await world.call("GET", `/worktrees/${id}`)).body["worktree"] as SeenJob;

/** A worktree that is ready, by the CLI. */
async function prepared(repo: string): Promise<string> {
  const { code, stdout, stderr } = await world.cli(["worktree", "prepare", repo, "--json"]);
  if (code !== 0) throw new Error(stderr);
  const { job } = JSON.parse(stdout) as { job: SeenJob };
  expect(await world.ended(job.id)).toMatchObject({ kind: "prepare", status: "succeeded", attempt: 1 });
  return job.id;
}

describe.concurrent("a worktree is prepared before the task", () => {
  test("jobs work in it one after the other, on one branch, and fetch and make nothing", async () => {
    await using repo = await sampleRepo();
    const id = await prepared(repo.path);
    const tree = await worktree(id);
    expect(tree).toMatchObject({ status: "ready", repo_url: repo.path, pushed: true, size_bytes: expect.any(Number) });
    const work = async (task: string) => await world.ended((await world.submit({ task, worktree_id: id })).id);
    const one = await work("One. [[scenario:write-commit file=one.txt]]");
    const two = await work("Two. [[scenario:leave-uncommitted file=two.txt content=two]]");

    for (const job of [one, two])
      expect(job).toMatchObject({ status: "succeeded", worktree_path: tree["path"], branch: tree["branch"] });
    const types = (await world.events(two.id)).map(({ type }) => type);
    expect(types).toContain("worktree.opened");
    expect(types).not.toContain("repo.fetched");
    expect(one["session_id"]).not.toBe(two["session_id"]);
    expect(gitIn(repo.path)("diff", "--name-only", "main", String(tree["branch"]))).toBe("one.txt\ntwo.txt");
    expect(readFileSync(join(String(tree["path"]), "one.txt"), "utf8")).not.toBe("");
    expect(await worktree(id)).toMatchObject({ status: "ready", job: two.id, pushed: true });
  });

  test("a person's own file that one job was lent there is never part of what another one commits", async () => {
    await using repo = await sampleRepo();
    writeFileSync(join(repo.path, ".worktreeinclude"), "local.cfg\n");
    writeFileSync(join(repo.path, "local.cfg"), "of this person alone");
    const id = await prepared(repo.path);
    const tree = await worktree(id);
    for (const name of ["one", "two"]) {
      const task = `Write. [[scenario:leave-uncommitted file=${name}.txt content=x]]`;
      expect(await world.ended((await world.submit({ task, worktree_id: id })).id)).toMatchObject({
        status: "succeeded",
      });
    }

    expect(readFileSync(join(String(tree["path"]), "local.cfg"), "utf8")).toBe("of this person alone");
    const changed = gitIn(repo.path)("diff", "--name-only", "main", String(tree["branch"])).split("\n");
    expect(changed).toEqual(["one.txt", "two.txt"]);
    expect(await worktree(id)).toMatchObject({ pushed: true });
  });

  test("one job has it at a time, and a cancelled one leaves it as it was", async () => {
    await using repo = await sampleRepo();
    const id = await prepared(repo.path);
    const first = await world.submit({ task: "Work. [[scenario:slow]]", worktree_id: id });
    const running = await world.until(first.id, ({ phase }) => phase === "running");
    const beats = join(String(running["worktree_path"]), "heartbeat.txt");
    await eventually(() => existsSync(beats));
    const second = await world.call("POST", "/jobs", { task: "Me too.", worktree_id: id });
    expect(second).toMatchObject({ status: 409, body: { code: "worktree_in_use" } });
    const removal = await world.cli(["worktree", "remove", id, "--force"]);
    expect(removal).toMatchObject({ code: 1, stderr: expect.stringContaining("in use") });
    await world.call("POST", `/jobs/${first.id}/cancel`);
    await world.ended(first.id);

    expect(existsSync(beats)).toBe(true);
    expect(await worktree(id)).toMatchObject({ status: "ready", pushed: false });
  });

  test("one with work that was not pushed stays, however old, until it is forced; then nothing of it is left", async () => {
    await using repo = await sampleRepo();
    const id = await prepared(repo.path);
    const path = String((await worktree(id))["path"]);
    writeFileSync(join(path, "notes.txt"), "not committed");
    // The store thinks that all was pushed: the runner looks again.
    const asked = await world.call("POST", "/worktrees/cleanup", { worktree_ids: [id] });
    const [job] = asked.body["jobs"] as SeenJob[];
    expect(await world.ended(job?.id ?? "")).toMatchObject({ status: "failed", error_code: "conflict" });
    expect(existsSync(join(path, "notes.txt"))).toBe(true);
    expect(await worktree(id)).toMatchObject({ status: "ready", pushed: false });

    const forced = await world.cli(["worktree", "remove", id, "--force"]);
    expect(await world.ended(forced.stdout.trim())).toMatchObject({ kind: "cleanup", status: "succeeded" });
    await eventually(() => !existsSync(path));
    expect(await worktree(id)).toMatchObject({ status: "removed" });
    expect((await world.call("POST", "/jobs", { task: "Go.", worktree_id: id })).status).toBe(404);
    expect((await world.cli(["worktrees", "--json"])).stdout).not.toContain(id);
    const mirrors = readdirSync(join(world.home, "agenticore-repos")).map((key) =>
      join(world.home, "agenticore-repos", key),
    );
    expect(mirrors.filter((mirror) => existsSync(join(mirror, "repo/worktrees", id)))).toEqual([]);
  });

  test("a ref that does not exist fails the preparation, and says so where the worktree is asked for", async () => {
    await using repo = await sampleRepo();
    const { body } = await world.call("POST", "/worktrees", { repo_url: repo.path, base_ref: "nowhere" });
    const { id } = body["job"] as SeenJob;
    expect(await world.ended(id)).toMatchObject({ status: "failed", error_code: "ref_not_found" });
    expect(await worktree(id)).toMatchObject({ status: "failed", error: expect.stringContaining("nowhere") });
    expect((await world.call("POST", "/jobs", { task: "Go.", worktree_id: id })).status).toBe(409);
  });
});
