import { chmodSync, chownSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isRepoAllowed } from "../../../shared/repo-allowed.ts";
import { emptyRepo, gitIn, personRepo } from "../../support/sample-repo.ts";
import { aDesk, aJob, never } from "./a-desk.ts";

const code = (code: string, text: RegExp) => expect.objectContaining({ code, message: expect.stringMatching(text) });

test("a repository that does not exist, is no repository or is empty is told apart in plain words", async () => {
  await using desk = await aDesk();
  const ask = (path: string, baseRef?: string) => desk.repos.prepare(aJob(path, { baseRef }), never());
  mkdirSync(join(desk.path, "plain"));
  emptyRepo(join(desk.path, "empty"));
  await expect(ask(join(desk.path, "none"))).rejects.toEqual(code("clone_failed", /no such folder/));
  await expect(ask(join(desk.path, "plain"))).rejects.toEqual(code("clone_failed", /is no git repository/));
  await expect(ask(join(desk.path, "empty"))).rejects.toEqual(code("ref_not_found", /no commits yet/));
  await expect(ask(join(desk.path, "empty"), "main")).rejects.toEqual(code("ref_not_found", /no branch or tag `main`/));
  await expect(ask(join(desk.repo.path, "src"))).rejects.toEqual(code("clone_failed", /is no git repository/));
  expect(desk.repos.counters.fetches).toBe(0);
});

test("the default base is the branch that the person has checked out, whatever its name", async () => {
  await using desk = await aDesk();
  desk.repo.git("switch", "-q", "-c", "feature/odd@name#1");
  const commit = desk.repo.commit({ "x.txt": "x" });
  expect((await desk.start()).prepared).toMatchObject({ baseRef: "feature/odd@name#1", baseSha: commit });
  desk.repo.git("switch", "-q", "--detach", "HEAD~1");
  expect((await desk.start()).prepared).toMatchObject({ baseRef: desk.repo.head(), baseSha: desk.repo.head() });
});

test("a default branch that does not exist is an error that says to name one", async () => {
  await using desk = await aDesk();
  desk.repo.git("symbolic-ref", "HEAD", "refs/heads/nowhere");
  const job = aJob(desk.repo.path);
  await expect(desk.repos.prepare(job, never())).rejects.toEqual(
    code("ref_not_found", /default branch does not exist/),
  );
  expect(await desk.repos.prepare(aJob(desk.repo.path, { baseRef: "main" }), never())).toMatchObject({
    baseRef: "main",
  });
});

test("a base ref may be a branch, a tag, an annotated tag or a full commit hash", async () => {
  await using desk = await aDesk();
  const [first, second] = desk.repo.git("rev-list", "--reverse", "HEAD").split("\n");
  desk.repo.git("tag", "light", String(first));
  desk.repo.git("tag", "-a", "-m", "note", "v1.0", String(first));
  desk.repo.git("branch", "both", String(second));
  desk.repo.git("tag", "both", String(first));
  const base = async (baseRef: string) => (await desk.start({ baseRef })).prepared.baseSha;
  expect([await base("main"), await base("light"), await base("v1.0"), await base(String(first))]).toEqual([
    second,
    first,
    first,
    first,
  ]);
  expect(await base("both")).toBe(second);
  expect(await base("refs/tags/both")).toBe(first);
  expect(await base("v1.0")).toBe(first);
  await expect(base(`${"0".repeat(39)}1`)).rejects.toEqual(code("ref_not_found", /no such branch, tag or commit/));
  await expect(base(desk.repo.git("rev-parse", "HEAD^{tree}"))).rejects.toMatchObject({ code: "ref_not_found" });
  await expect(base("origin/main")).rejects.toMatchObject({
    code: "ref_not_found",
    remedy: expect.stringContaining("`main`"),
  });
});

test("a tag or a hash of what is no commit is no base, however often it is asked for, and the mirror stays as it is", async () => {
  await using desk = await aDesk();
  const blob = desk.repo.git("rev-parse", "HEAD:README.md");
  desk.repo.git("tag", "key", blob);
  desk.repo.git("tag", "-a", "-m", "note", "tree", "HEAD^{tree}");
  for (const baseRef of ["key", "key", "tree", "tree", blob, blob])
    await expect(desk.start({ baseRef })).rejects.toEqual(code("ref_not_found", /is not a commit/));
  expect(desk.repos.counters.rebuilds).toBe(0);
});

test("a branch that gave way to a folder of branches is fetched", async () => {
  await using desk = await aDesk();
  desk.repo.git("branch", "topic");
  expect((await desk.start({ baseRef: "topic" })).prepared.baseRef).toBe("topic");
  desk.repo.git("branch", "-D", "topic");
  desk.repo.git("branch", "topic/deeper");
  expect((await desk.start({ baseRef: "topic/deeper" })).prepared.baseRef).toBe("topic/deeper");
});

test.each(["--upload-pack=touch x", "-u", "a..b", "$(id)", "HEAD", "x\ny"])(
  "base ref %j never reaches git",
  async (baseRef) => {
    await using desk = await aDesk();
    await expect(desk.repos.prepare(aJob(desk.repo.path, { baseRef }), never())).rejects.toMatchObject({
      code: "invalid_request",
    });
    expect(desk.repos.counters.spawns).toBe(0);
  },
);

test.each(["ext::sh -c id", "--upload-pack=x", "file:///etc", "https://u:p@host/x"])(
  "address %j never reaches git",
  async (url) => {
    await using desk = await aDesk();
    await expect(desk.repos.prepare(aJob(url), never())).rejects.toMatchObject({ code: "invalid_request" });
    expect(desk.repos.counters.spawns).toBe(0);
  },
);

test("a folder is asked for by its real path, so a link does not lead past the allow list", async () => {
  await using outside = await aDesk();
  await using desk = await aDesk({
    isAllowed: (address) => isRepoAllowed(address, [`${join(outside.path, "open")}/**`]),
  });
  mkdirSync(join(outside.path, "open"));
  symlinkSync(outside.repo.path, join(outside.path, "open/link"));
  const inside = personRepo(join(outside.path, "open/real"));
  await expect(desk.repos.prepare(aJob(join(outside.path, "open/link")), never())).rejects.toMatchObject({
    code: "repo_not_allowed",
  });
  expect(await desk.repos.prepare(aJob(inside.path), never())).toMatchObject({ baseSha: inside.head() });
});

test("one repository has one mirror, by whatever path it is named", async () => {
  await using desk = await aDesk();
  symlinkSync(desk.repo.path, join(desk.path, "alias"));
  const direct = await desk.repos.prepare(aJob(desk.repo.path), never());
  const linked = await desk.repos.prepare(aJob(`${desk.path}//alias/`), never());
  expect(linked.source.place.key).toBe(direct.source.place.key);
  expect(linked.how).toBe("present");
});

// Only root can make a folder that belongs to somebody else.
test.runIf(process.getuid?.() === 0)(
  "a repository of another user is fetched from and pushed to, and stays that user's",
  async () => {
    await using desk = await aDesk();
    desk.repo.git("gc", "-q");
    const { tree } = await desk.start();
    const owner = 4242;
    const all = gitIn(desk.repo.path)("-c", "alias.all=!find . -print0", "all").split("\0").filter(Boolean);
    for (const name of all) chownSync(join(desk.repo.path, name), owner, owner);
    chmodSync(desk.path, 0o711);
    const second = await desk.start();
    writeFileSync(join(second.tree.path, "new.txt"), "x");
    const { commit = "" } = await desk.repos.commitLeftovers(second.tree, "x", never());
    expect(await desk.repos.push(second.tree, { commit }, never())).toMatchObject({ how: "new" });
    const owners = gitIn(desk.repo.path)("-c", `alias.others=!find . -not -uid ${owner}`, "others");
    expect(owners).toBe("");
    expect(existsSync(tree.path)).toBe(true);
  },
);

test("a linked worktree of the person is a repository too", async () => {
  await using desk = await aDesk();
  desk.repo.git("worktree", "add", "-q", "-b", "side", join(desk.path, "side"));
  const commit = gitIn(join(desk.path, "side"))("rev-parse", "HEAD");
  const { prepared, tree } = await desk.start({ repoUrl: join(desk.path, "side") });
  expect(prepared).toMatchObject({ baseRef: "side", baseSha: commit });
  writeFileSync(join(tree.path, "new.txt"), "x");
  const left = await desk.repos.commitLeftovers(tree, "x", never());
  await desk.repos.push(tree, { commit: left.commit ?? "" }, never());
  expect(desk.repo.git("rev-parse", tree.branch)).toBe(left.commit);
});

test("a repository with submodules or large files says what a tree of it lacks", async () => {
  await using desk = await aDesk();
  desk.repo.commit({
    ".gitmodules":
      '[submodule "a"]\n\tpath = a\n\turl = ext::sh -c "touch pwned"\n[submodule "b"]\n\tpath = b\n\turl = file:///etc\n',
    ".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n",
  });
  desk.repo.git("update-index", "--add", "--cacheinfo", `160000,${desk.repo.head()},a`);
  desk.repo.git("commit", "-q", "-m", "submodule");
  const { tree } = await desk.start();
  expect(tree.warnings).toEqual([expect.stringContaining("submodules"), expect.stringContaining("Git LFS")]);
  expect(existsSync(join(tree.path, "pwned"))).toBe(false);
});

test("a shallow clone as the person's repository is refused with a way out", async () => {
  await using desk = await aDesk();
  gitIn(desk.path)("clone", "-q", "--depth", "1", `file://${desk.repo.path}`, "shallow");
  const refused = desk.repos.prepare(aJob(join(desk.path, "shallow")), never());
  await expect(refused).rejects.toMatchObject({ code: "clone_failed", remedy: expect.stringContaining("--unshallow") });
});

test("a repository with SHA-256 names works like any other", async () => {
  await using desk = await aDesk();
  const path = join(desk.path, "long");
  mkdirSync(path);
  gitIn(path)("init", "-q", "-b", "main", "--object-format=sha256");
  const repo = emptyRepo(path);
  const commit = repo.commit({ "a.txt": "a" });
  expect(commit).toHaveLength(64);
  const { tree } = await desk.start({ repoUrl: path });
  writeFileSync(join(tree.path, "b.txt"), "b");
  const left = await desk.repos.commitLeftovers(tree, "b", never());
  await desk.repos.push(tree, { commit: left.commit ?? "" }, never());
  expect(repo.git("rev-parse", tree.branch)).toBe(left.commit);
});
