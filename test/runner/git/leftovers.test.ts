import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { chooseLeftovers, type Leftover, looksSecret } from "../../../runner/git/leftover-choice.ts";
import { gitIn } from "../../support/sample-repo.ts";
import { aDesk, never } from "./a-desk.ts";

const leftover = (path: string, more: Partial<Leftover> = {}): Leftover => ({ path, change: "new", bytes: 1, ...more });

test.each([".env", ".env.local", "deep/.ENV.prod", "server.pem", "tls.key", "id_rsa", "a/id_ed25519.pub"])(
  "%s looks like a secret",
  (path) => {
    expect(looksSecret(path)).toBe(true);
  },
);

test.each(["env.ts", "src/environment.env.ts", "pem.txt", "keys.ts", "src/user_id_x.ts", "id_rsa/readme"])(
  "%s does not look like a secret",
  (path) => {
    expect(looksSecret(path)).toBe(false);
  },
);

test("at most 1,000 files and 20 MiB of leftovers are committed, changed ones before new ones, and the rest is named", () => {
  const many = Array.from({ length: 1_002 }, (_, n) => leftover(`n${String(n).padStart(4, "0")}`));
  const crowd = chooseLeftovers([...many, leftover("zz", { change: "changed" })]);
  expect(crowd.taken).toHaveLength(1_000);
  expect(crowd.taken[0]?.path).toBe("zz");
  expect(crowd.warnings).toEqual([expect.stringMatching(/^3 files were left out .*: n0999, n1000, n1001\.$/)]);
  const mebi = 1024 * 1024;
  const large = chooseLeftovers([
    leftover("a", { bytes: 15 * mebi }),
    leftover("b", { bytes: 6 * mebi }),
    leftover("c", { bytes: 5 * mebi }),
  ]);
  expect(large.taken.map(({ path }) => path)).toEqual(["a", "c"]);
  expect(large.warnings).toEqual([expect.stringMatching(/^1 file was left out .*: b\.$/)]);
});

test("a file that Claude was killed in the middle of writing is not committed, and named; a tracked one of such a name is", () => {
  const half = "src/a.ts.tmp.17.9cec04ccda37";
  const { taken, warnings } = chooseLeftovers([
    { path: half, change: "new", bytes: 1 },
    { path: "b.tmp.1.0123456789ab", change: "changed", bytes: 1 },
    { path: "c.tmp.txt", change: "new", bytes: 1 },
  ]);
  expect(taken.map(({ path }) => path)).toEqual(["b.tmp.1.0123456789ab", "c.tmp.txt"]);
  expect(warnings).toEqual([expect.stringContaining(`Claude was killed while it wrote it: ${half}`)]);
});

test("a deleted secret is committed as deleted; names in warnings carry no control characters", () => {
  const { taken, warnings } = chooseLeftovers([
    leftover(".env", { change: "deleted", bytes: 0 }),
    leftover("x\u001b[31m.pem"),
  ]);
  expect(taken.map(({ path }) => path)).toEqual([".env"]);
  expect(warnings.join()).toContain("x?[31m.pem");
});

test("what is left is committed but for ignored files, secrets and nested repositories, which are named", async () => {
  await using desk = await aDesk();
  const { tree } = await desk.start();
  const write = (name: string, text = "x\n") => writeFileSync(join(tree.path, name), text);
  for (const name of [
    "new.txt",
    "debug.log",
    ".env",
    "id_rsa",
    "with space.txt",
    "ünï.txt",
    "-dash",
    ":colon",
    "*.star",
  ])
    write(name);
  write("src/a.txt", "changed\n");
  rmSync(join(tree.path, "src/b.txt"));
  chmodSync(join(tree.path, "README.md"), 0o755);
  gitIn(tree.path)("init", "-q", "nested");
  write("nested/inside.txt");
  const left = await desk.repos.commitLeftovers(tree, "leftovers", never());
  const names = gitIn(tree.path)("-c", "core.quotePath=false", "show", "--format=", "--name-status", left.commit ?? "");
  expect(names.split("\n").sort()).toEqual(
    [
      "A\t*.star",
      "A\t-dash",
      "A\t:colon",
      "A\tnew.txt",
      "A\twith space.txt",
      "A\tünï.txt",
      "D\tsrc/b.txt",
      "M\tREADME.md",
      "M\tsrc/a.txt",
    ].sort(),
  );
  expect(left.files).toBe(9);
  expect(left.warnings).toEqual([
    "2 files were left out of the commit because of a name that secrets have: .env, id_rsa.",
    "1 file was left out of the commit: a git repository of its own: nested/.",
  ]);
  expect(gitIn(tree.path)("status", "--porcelain").split("\n").sort()).toEqual(["?? .env", "?? id_rsa", "?? nested/"]);
});

test("commits of the agent stay, and leftovers come on top of them", async () => {
  await using desk = await aDesk();
  const { tree } = await desk.start();
  const git = gitIn(tree.path);
  writeFileSync(join(tree.path, "src/a.txt"), "committed\n");
  git("-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qam", "by the agent");
  writeFileSync(join(tree.path, "src/a.txt"), "and more\n");
  writeFileSync(join(tree.path, "staged.txt"), "staged\n");
  git("add", "staged.txt");
  const left = await desk.repos.commitLeftovers(tree, "rest", never());
  expect(git("log", "--format=%s", `${tree.baseSha}..${left.commit}`)).toBe("rest\nby the agent");
  expect(git("show", `${left.commit}:src/a.txt`)).toBe("and more");
  expect(git("status", "--porcelain")).toBe("");
  expect((await desk.repos.summarize(tree, never()))?.diff).toEqual({ files: 2, insertions: 2, deletions: 2 });
});

test("work on another branch or a detached HEAD becomes the job's branch", async () => {
  await using desk = await aDesk();
  for (const away of [
    ["switch", "-q", "-c", "elsewhere"],
    ["switch", "-q", "--detach"],
  ]) {
    const { tree } = await desk.start();
    const git = gitIn(tree.path);
    git(...away);
    writeFileSync(join(tree.path, "x.txt"), "x\n");
    git("add", "x.txt");
    git("-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "away");
    const head = git("rev-parse", "HEAD");
    expect(await desk.repos.commitLeftovers(tree, "none", never())).toMatchObject({ commit: undefined });
    expect((await desk.repos.summarize(tree, never()))?.commit).toBe(head);
    expect(git("rev-parse", tree.branch)).toBe(head);
    expect(git("symbolic-ref", "HEAD")).toBe(`refs/heads/${tree.branch}`);
  }
});

test("an unfinished rebase is not published: the branch is as it was before", async () => {
  await using desk = await aDesk();
  const { tree } = await desk.start();
  const git = gitIn(tree.path);
  const as = ["-c", "user.name=x", "-c", "user.email=x@x"];
  writeFileSync(join(tree.path, "src/a.txt"), "mine\n");
  git(...as, "commit", "-qam", "mine");
  const mine = git("rev-parse", "HEAD");
  git("branch", "other", `${tree.baseSha}~1`);
  git("switch", "-q", "other");
  writeFileSync(join(tree.path, "src/a.txt"), "other\n");
  git(...as, "commit", "-qam", "other");
  git("switch", "-q", tree.branch);
  expect(() => git(...as, "rebase", "other")).toThrow();
  const left = await desk.repos.commitLeftovers(tree, "x", never());
  expect(left.warnings).toEqual([expect.stringContaining("rebase was left unfinished")]);
  expect((await desk.repos.summarize(tree, never()))?.commit).toBe(mine);
});

test("a tracked file whose name looks like a secret stays uncommitted when it changed", async () => {
  await using desk = await aDesk();
  desk.repo.commit({ ".env.example": "A=1\n" });
  const { tree } = await desk.start();
  writeFileSync(join(tree.path, ".env.example"), "A=secret\n");
  const left = await desk.repos.commitLeftovers(tree, "x", never());
  expect(left).toMatchObject({ commit: undefined, warnings: [expect.stringContaining(".env.example")] });
  expect(readFileSync(join(tree.path, ".env.example"), "utf8")).toBe("A=secret\n");
});

test("the configured identity comes before the repository's, and Agenticore commits where there is none", async () => {
  const author = async (more: Parameters<typeof aDesk>[0], anonymous: boolean) => {
    await using desk = await aDesk(more);
    if (anonymous) for (const key of ["user.name", "user.email"]) desk.repo.git("config", "--unset", key);
    const { tree, prepared } = await desk.start();
    writeFileSync(join(tree.path, "x"), "x");
    const { commit = "" } = await desk.repos.commitLeftovers(tree, "x", never());
    expect(tree.identity).toEqual(prepared.identity);
    return gitIn(tree.path)("show", "-s", "--format=%an <%ae>, %cn <%ce>", commit);
  };
  expect(await author({ identity: { name: "Bot", email: "bot@example.com" } }, false)).toBe(
    "Bot <bot@example.com>, Bot <bot@example.com>",
  );
  expect(await author({}, true)).toBe("Agenticore <agenticore@localhost>, Agenticore <agenticore@localhost>");
});

test("a worktree that was removed while the job ran is not taken for one whose files were all deleted", async () => {
  await using desk = await aDesk();
  const removed = async (work: (path: string) => void) => {
    const { tree } = await desk.start();
    work(tree.path);
    rmSync(tree.path, { recursive: true });
    return tree;
  };
  const nothing = await removed(() => undefined);
  const job = { id: nothing.jobId, repoUrl: desk.repo.path };
  await expect(desk.repos.commitLeftovers(nothing, "x", never())).rejects.toMatchObject({
    code: "worktree_failed",
    message: expect.stringContaining("was removed while the job ran"),
  });
  expect(await desk.repos.reopenWorktree(job, never())).toBeUndefined();

  const commit = (path: string) => {
    writeFileSync(join(path, "new.txt"), "new\n");
    gitIn(path)("add", "new.txt");
    gitIn(path)("-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "by the agent");
  };
  const committed = await removed(commit);
  const left = await desk.repos.commitLeftovers(committed, "x", never());
  expect(left).toMatchObject({ commit: undefined, warnings: [expect.stringContaining("was removed")] });
  expect((await desk.repos.summarize(committed, never()))?.diff).toEqual({ files: 1, insertions: 1, deletions: 0 });
  const again = await desk.repos.commitLeftovers(committed, "x", never());
  expect(again).toMatchObject({ commit: undefined, warnings: [] });
});

test("an agent that deletes every file has done so, and one that deletes its .git file too has only done that", async () => {
  await using desk = await aDesk();
  for (const gone of [["README.md", "src", ".gitignore"], [".git"]]) {
    const { tree } = await desk.start();
    for (const name of gone) rmSync(join(tree.path, name), { recursive: true });
    writeFileSync(join(tree.path, "new.txt"), "new\n");
    const left = await desk.repos.commitLeftovers(tree, "x", never());
    expect(left).toMatchObject({ files: gone.length > 1 ? 5 : 1, warnings: [] });
  }
});
