import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aWorld, type SeenJob, type World } from "../support/a-world.ts";
import { type GitServer, gitServer } from "../support/git-server.ts";
import { emptyRepo, gitIn, personRepo } from "../support/sample-repo.ts";

const folder = mkdtempSync(join(tmpdir(), "ac-remotes-"));
const at = (name: string) => join(folder, name);
let open: GitServer;
let locked: GitServer;
let elsewhere: GitServer;
let world: World;

/** A bare repository that is served over HTTP and takes pushes. */
function served(name: string, branch = "main"): string {
  const source = personRepo(at(`${name}-source`));
  source.git("branch", "-m", "main", branch);
  gitIn(folder)("clone", "-q", "--bare", source.path, at(`${name}.git`));
  gitIn(at(`${name}.git`))("config", "http.receivepack", "true");
  return at(`${name}.git`);
}

beforeAll(async () => {
  served("fine");
  served("odd", "release/Träume_2.0+x@home#1");
  gitIn(folder)("init", "-q", "--bare", at("empty.git"));
  open = await gitServer({ root: folder });
  locked = await gitServer({ root: folder, login: { username: "somebody", password: "made-up-word" } });
  elsewhere = await gitServer({ root: folder, redirect: (url) => `${open.url("").replace(/\/$/, "")}${url}` });
  const hosts = [open, locked, elsewhere].map(({ host }) => `http://${host}/**`);
  world = await aWorld({ AGENTICORE_ALLOWED_REPOS: [...hosts, `${folder}/**`].join(",") });
  await world.serve({ direct: true });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  for (const server of [open, locked, elsewhere]) await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const ended = async (repo_url: string, more: Readonly<Record<string, unknown>> = {}): Promise<SeenJob> => {
  const task = "Add. [[scenario:write-commit file=added.txt content=hi]]";
  return await world.ended((await world.submit({ task, repo_url, ...more })).id);
};

describe.concurrent("a repository over the network", () => {
  test("is fetched, worked on and gets the branch with the commit, and nothing but that", async () => {
    const before = gitIn(at("fine.git"))("for-each-ref");
    const job = await ended(open.url("fine.git"));

    expect(job).toMatchObject({ status: "succeeded", base_ref: "main", diff: { files: 1 } });
    const git = gitIn(at("fine.git"));
    expect(git("show", `${job["branch"]}:added.txt`)).toBe("hi");
    expect(git("rev-parse", String(job["branch"]))).toBe(job["commit"]);
    const others = git("for-each-ref")
      .split("\n")
      .filter((line) => !line.includes("agenticore-"));
    expect(others.join("\n")).toBe(before);
  });

  test("with an odd default branch is worked on from there", async () => {
    const job = await ended(open.url("odd.git"));
    expect(job).toMatchObject({ status: "succeeded", base_ref: "release/Träume_2.0+x@home#1" });
    expect(gitIn(at("odd.git"))("merge-base", String(job["branch"]), "HEAD")).toBe(
      gitIn(at("odd.git"))("rev-parse", "HEAD"),
    );
  });

  test.for([
    ["does not exist", () => open.url("missing.git"), {}, "clone_failed"],
    ["is empty", () => open.url("empty.git"), {}, "ref_not_found"],
    ["needs a login that nobody gave", () => locked.url("fine.git"), {}, "auth_failed"],
    ["sends on to another address", () => elsewhere.url("fine.git"), {}, "clone_failed"],
    ["has no such branch", () => open.url("fine.git"), { base_ref: "no-such-branch" }, "ref_not_found"],
    [
      "has no such commit",
      () => open.url("fine.git"),
      { base_ref: "0123456789abcdef0123456789abcdef01234567" },
      "ref_not_found",
    ],
  ] as const)("that %s fails its job with a code, a sentence and what to do", async ([, url, more, code]) => {
    const job = await ended(url(), more);
    expect(job).toMatchObject({ status: "failed", error_code: code, attempt: 1 });
    expect(job["error"]).toMatch(/\S+ \S+ \S+/);
    expect(job["remedy"]).toMatch(/\S+ \S+ \S+/);
    expect(job["session_id"]).toBeUndefined();
  });
});

describe.concurrent("what was wrong is mended, and the job tried again", () => {
  test("a repository that was not there is there now", async () => {
    const job = await ended(at("late"));
    expect(job).toMatchObject({ status: "failed", error_code: "clone_failed" });
    personRepo(at("late"));
    await world.call("POST", `/jobs/${job.id}/retry`);
    expect(await world.ended(job.id)).toMatchObject({ status: "succeeded", attempt: 2, diff: { files: 1 } });
  });

  test("a server that took no pushes takes them now: the work is not done again", async () => {
    const git = gitIn(served("closed"));
    git("config", "http.receivepack", "false");
    const job = await ended(open.url("closed.git"));
    expect(job["status"]).toBe("failed");
    expect(["push_rejected", "auth_failed"]).toContain(job["error_code"]);
    expect(gitIn(String(job["worktree_path"]))("log", "-1", "--format=%s")).toBe("feat: add added.txt");
    const before = world.model.requests().filter(({ session }) => session === job["session_id"]).length;

    git("config", "http.receivepack", "true");
    await world.call("POST", `/jobs/${job.id}/retry`);
    const done = await world.ended(job.id);

    expect(done).toMatchObject({ status: "succeeded", attempt: 2, commit: job["commit"] });
    expect(git("rev-parse", String(done["branch"]))).toBe(job["commit"]);
    const asked = world.model.requests().filter(({ session }) => session === job["session_id"]);
    expect(asked).toHaveLength(before);
  });
});

describe.concurrent("a local folder", () => {
  test.for([
    ["is not there", () => at("nowhere"), "clone_failed", /absolute path/],
    ["is no repository", () => at("plain"), "clone_failed", /git init/],
    ["has no commit", () => emptyRepo(at("unborn")).path, "ref_not_found", /first commit/],
  ] as const)("that %s fails its job with a code, a sentence and what to do", async ([, path, code, remedy]) => {
    mkdirSync(at("plain"), { recursive: true });
    const job = await ended(path());
    expect(job).toMatchObject({ status: "failed", error_code: code, attempt: 1 });
    expect(job["error"]).toMatch(/\S+ \S+ \S+/);
    expect(job["remedy"]).toMatch(remedy);
  });

  test("that has another branch checked out is worked on from that", async () => {
    const repo = personRepo(at("branched"));
    repo.git("switch", "-q", "-c", "topic/one");
    const head = repo.commit({ "topic.txt": "t\n" }, "topic");
    const job = await ended(repo.path);
    expect(job).toMatchObject({ status: "succeeded", base_ref: "topic/one" });
    expect(repo.git("rev-parse", `${job["branch"]}~1`)).toBe(head);
    expect(repo.git("branch", "--show-current")).toBe("topic/one");
  });

  test("whose HEAD is no branch is worked on from its commit", async () => {
    const repo = personRepo(at("detached"));
    repo.git("checkout", "-q", "--detach", "HEAD~1");
    const job = await ended(repo.path);
    expect(job["status"]).toBe("succeeded");
    expect(repo.git("rev-parse", `${job["branch"]}~1`)).toBe(repo.git("rev-parse", "main~1"));
  });
});

test("after all of them nothing lives, and no credentials were asked for or sent where none belong", () => {
  expect(world.jobProcesses()).toEqual([]);
  expect(world.remains()).toEqual([]);
  for (const { seen } of [open, elsewhere]) expect(seen.filter(({ authorization }) => authorization)).toEqual([]);
});
