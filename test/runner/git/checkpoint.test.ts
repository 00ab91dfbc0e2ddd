import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openRepos } from "../../../runner/git/repos.ts";
import type { Worktree } from "../../../runner/git/worktree.ts";
import { gitServer } from "../../support/git-server.ts";
import { gitIn } from "../../support/sample-repo.ts";
import { aDesk, type Desk, never } from "./a-desk.ts";
import { type Hosted, hostedDesk } from "./a-hosted-desk.ts";

const odd = 'a "b\\ \n\tü.txt';

/** Work as an agent leaves it in the middle: committed, changed, new, deleted, and what must not leave the tree. */
function halfDone(tree: Worktree): void {
  const at = (name: string) => join(tree.path, name);
  const git = gitIn(tree.path);
  writeFileSync(at(".gitignore"), "*.log\n");
  writeFileSync(at("committed.txt"), "one\n");
  git("add", ".");
  git("-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "-q", "-m", "half");
  writeFileSync(at("committed.txt"), "two\n");
  rmSync(at("README.md"));
  mkdirSync(at("new"));
  writeFileSync(at("new/run.sh"), "#!/bin/sh\n");
  chmodSync(at("new/run.sh"), 0o755);
  symlinkSync("/etc/passwd", at("link"));
  writeFileSync(at(odd), Buffer.from([0, 1, 255, 10]));
  for (const name of ["noise.log", ".env", "id_rsa", "lent.cfg"]) writeFileSync(at(name), "not for others");
}

/** What a tree shows of itself; the index only as git sees it. */
const shown = ({ path }: Worktree) => {
  const git = gitIn(path);
  return {
    head: git("rev-parse", "HEAD"),
    branch: git("branch", "--show-current"),
    status: git("status", "--porcelain", "-z"),
  };
};

/** The same repository on another box. */
async function elsewhere(desk: Desk) {
  const folder = (name: string) => join(desk.path, "other", name);
  const places = { reposRoot: folder("repos"), worktreeRoot: folder("trees"), stateDir: folder("state") };
  return await openRepos({ ...desk.options, ...places });
}

const pushed = async ({ desk }: Hosted, tree: Worktree, expected = "") => {
  const commit = (await desk.repos.keepCheckpoint(tree, never())) ?? "";
  expect(await desk.repos.pushCheckpoint(tree, { commit, expected }, never())).toBe(true);
  return commit;
};

test("the state of a tree is kept beside it: tree, index and branch stay as they are, and the same state is the same commit", async () => {
  await using desk = await aDesk();
  const { tree } = await desk.start();
  halfDone(tree);
  const before = shown(tree);
  const index = readFileSync(join(tree.mirror, "worktrees", tree.admin, "index"));
  const one = await desk.repos.keepCheckpoint(tree, never());
  expect(one).toMatch(/^[0-9a-f]{40}$/);
  expect(await desk.repos.keepCheckpoint(tree, never())).toBe(one);
  expect(shown(tree)).toEqual(before);
  expect(readFileSync(join(tree.mirror, "worktrees", tree.admin, "index")).equals(index)).toBe(true);

  writeFileSync(join(tree.path, "committed.txt"), "three\n");
  expect(await desk.repos.keepCheckpoint(tree, never())).not.toBe(one);
  expect(gitIn(tree.source.place.vault)("for-each-ref", "refs/heads")).toBe("");
});

test("another box goes on from it as it was: what was committed is, the rest is not, and nothing secret came along", async () => {
  await using world = await hostedDesk();
  const { desk, server, hosted } = world;
  const { tree, job } = await desk.start({ repoUrl: server.url("src.git"), baseRef: "main" });
  halfDone(tree);
  const commit = await pushed(world, { ...tree, placed: { files: ["lent.cfg"], folders: [] } });
  expect(hosted("rev-parse", `refs/agenticore/${job.id}`)).toBe(commit);
  await using other = await elsewhere(desk);
  const lost = { ...job, branch: tree.branch, checkpoints: "push" as const };
  const prepared = await other.prepare(lost, never());
  expect(prepared.baseSha).toBe(tree.baseSha);
  const again = await other.openWorktree(prepared, lost, never());

  expect(again).toMatchObject({ branch: tree.branch, reopened: true, done: false });
  const [was, is] = [shown(tree), shown(again)];
  expect(is).toMatchObject({ head: was.head, branch: was.branch });
  const names = (status: string) =>
    status
      .split("\0")
      .filter((line) => !/\.env|id_rsa|lent\.cfg/.test(line))
      .sort();
  expect(names(is.status)).toEqual(names(was.status));
  const at = (name: string) => join(again.path, name);
  expect(readFileSync(at("committed.txt"), "utf8")).toBe("two\n");
  expect([...readFileSync(at(odd))]).toEqual([0, 1, 255, 10]);
  expect(statSync(at("new/run.sh")).mode & 0o777).toBe(0o755);
  expect(readlinkSync(at("link"))).toBe("/etc/passwd");
  for (const name of ["README.md", "noise.log", ".env", "id_rsa", "lent.cfg"]) expect(existsSync(at(name))).toBe(false);
  const left = await other.commitLeftovers(again, "the rest", never());
  expect(await other.push(again, { commit: left.commit ?? "" }, never())).toMatchObject({ how: "new" });
});

test("where the tree alone is lost its box goes on from what it kept itself", async () => {
  await using desk = await aDesk();
  const { tree, job } = await desk.start();
  writeFileSync(join(tree.path, "half.txt"), "half\n");
  await desk.repos.keepCheckpoint(tree, never());
  rmSync(tree.path, { recursive: true });
  expect(await desk.repos.reopenWorktree(job, never())).toBeUndefined();
  const lost = { ...job, checkpoints: "local" as const };
  const again = await desk.repos.openWorktree(await desk.repos.prepare(lost, never()), lost, never());

  expect(readFileSync(join(again.path, "half.txt"), "utf8")).toBe("half\n");
  await desk.repos.dropCheckpoint(again);
  expect((await desk.repos.prepare(lost, never())).goesOn).toBeUndefined();
});

test("nobody goes on from a state that others have worked past, or that the profile does not ask for", async () => {
  await using world = await hostedDesk();
  const { desk, server, hosted } = world;
  const { tree, job } = await desk.start({ repoUrl: server.url("src.git"), baseRef: "main" });
  writeFileSync(join(tree.path, "half.txt"), "half\n");
  await pushed(world, tree);
  await using other = await elsewhere(desk);
  const goesOn = async (checkpoints: "none" | "local" | "push") =>
    (await other.prepare({ ...job, branch: tree.branch, checkpoints }, never())).goesOn;
  expect(await goesOn("none")).toBeUndefined();
  expect(await goesOn("local")).toBeUndefined();
  expect(await goesOn("push")).toMatchObject({ branch: tree.branch, whole: false, state: expect.any(String) });

  const commit = hosted(
    "-c",
    "user.name=R",
    "-c",
    "user.email=r@example.com",
    "commit-tree",
    "main^{tree}",
    "-p",
    "main",
    "-m",
    "by a reviewer",
  );
  hosted("update-ref", `refs/heads/${tree.branch}`, commit);
  expect(await goesOn("push")).toMatchObject({ commit });
  expect((await goesOn("push"))?.state).toBeUndefined();
});

test("the repository's copy is only changed by who knows what is there, and taken away in the end", async () => {
  await using world = await hostedDesk();
  const { desk, server, hosted } = world;
  const { tree, job } = await desk.start({ repoUrl: server.url("src.git") });
  expect(await desk.repos.keepCheckpoint(tree, never())).toBeUndefined(); // nothing was done yet
  writeFileSync(join(tree.path, "some.txt"), "some\n");
  const first = await pushed(world, tree);
  writeFileSync(join(tree.path, "more.txt"), "more\n");
  const commit = (await desk.repos.keepCheckpoint(tree, never())) ?? "";
  expect(await desk.repos.pushCheckpoint(tree, { commit, expected: "" }, never())).toBe(false);
  expect(hosted("rev-parse", `refs/agenticore/${job.id}`)).toBe(first);
  expect(await desk.repos.pushCheckpoint(tree, { commit, expected: first }, never())).toBe(true);
  expect(await desk.repos.findCheckpoint(tree, never())).toBe(commit);

  expect(await desk.repos.pushCheckpoint(tree, { expected: commit }, never())).toBe(true);
  expect(hosted("for-each-ref", "refs/agenticore")).toBe("");
});

test("a repository that can be read without a login is public; so is taken one of which nobody can tell", async () => {
  await using world = await hostedDesk();
  const { desk, server } = world;
  const { tree } = await desk.start({ repoUrl: server.url("src.git") });
  expect(await desk.repos.isPublic(tree, never())).toBe(false);
  await using open = await gitServer({ root: join(desk.path, "served") });
  const public_ = await desk.start({ repoUrl: open.url("src.git") });
  expect(await desk.repos.isPublic(public_.tree, never())).toBe(true);
  const local = await desk.start();
  expect(await desk.repos.isPublic(local.tree, never())).toBe(true);
});
