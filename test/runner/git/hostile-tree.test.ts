import { createHash } from "node:crypto";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import type { Worktree } from "../../../runner/git/worktree.ts";
import { emptyRepo, gitIn } from "../../support/sample-repo.ts";
import { aDesk, type Desk, never } from "./a-desk.ts";
import { aTrap, hostileConfig, setHooks, type Trap } from "./a-trap.ts";

type Scene = Readonly<{ desk: Desk; tree: Worktree; trap: Trap; admin: string; decoy: string }>;

/** What an agent can do that may write its tree and the mirror, which it needs to commit. */
const attacks: Record<string, (scene: Scene) => void> = {
  "a .git file that leads to a repository of the agent's": ({ tree, trap, decoy }) => {
    appendFileSync(join(decoy, ".git/config"), hostileConfig(trap, "/nowhere/"));
    writeFileSync(join(tree.path, ".git"), `gitdir: ${join(decoy, ".git")}\n`);
  },
  "a .git folder in the place of the file": ({ tree, trap }) => {
    rmSync(join(tree.path, ".git"));
    emptyRepo(tree.path);
    appendFileSync(join(tree.path, ".git/config"), hostileConfig(trap, "/nowhere/"));
  },
  "a .git link": ({ tree, decoy }) => {
    rmSync(join(tree.path, ".git"));
    symlinkSync(join(decoy, ".git"), join(tree.path, ".git"));
  },
  "a configuration of the mirror that runs programs and sends pushes elsewhere": ({ tree, trap, decoy }) => {
    appendFileSync(join(tree.mirror, "config"), hostileConfig(trap, decoy));
    mkdirSync(join(tree.mirror, "info"), { recursive: true });
    for (const file of [join(tree.mirror, "info/attributes"), join(tree.path, ".gitattributes")])
      writeFileSync(file, "* filter=trap diff=trap merge=trap\n");
  },
  "a configuration of the mirror that is included": ({ desk, tree, trap, decoy }) => {
    writeFileSync(join(desk.path, "included"), hostileConfig(trap, decoy));
    appendFileSync(join(tree.mirror, "config"), `[include]\n\tpath = ${join(desk.path, "included")}\n`);
  },
  "a configuration of the mirror that is a link": ({ desk, tree, trap, decoy }) => {
    const elsewhere = join(desk.path, "linked-config");
    writeFileSync(elsewhere, readFileSync(join(tree.mirror, "config"), "utf8") + hostileConfig(trap, decoy));
    rmSync(join(tree.mirror, "config"));
    symlinkSync(elsewhere, join(tree.mirror, "config"));
  },
  "hooks in the mirror": ({ tree, trap }) => setHooks(join(tree.mirror, "hooks"), trap.command),
  "a hooks folder that is a link": ({ tree, trap }) => symlinkSync(trap.hooks, join(tree.mirror, "hooks")),
  "a configuration of the worktree": ({ tree, trap, decoy, admin }) => {
    appendFileSync(join(tree.mirror, "config"), "[extensions]\n\tworktreeConfig = true\n");
    writeFileSync(join(admin, "config.worktree"), hostileConfig(trap, decoy));
    writeFileSync(join(tree.mirror, "config.worktree"), hostileConfig(trap, decoy));
  },
  "a common folder that is another repository": ({ tree, trap, decoy, admin }) => {
    appendFileSync(join(decoy, ".git/config"), hostileConfig(trap, decoy));
    writeFileSync(join(admin, "commondir"), `${join(decoy, ".git")}\n`);
    writeFileSync(join(tree.mirror, "commondir"), `${join(decoy, ".git")}\n`);
  },
  "remotes of the old kind": ({ tree, decoy }) => {
    mkdirSync(join(tree.mirror, "remotes"));
    writeFileSync(join(tree.mirror, "remotes/origin"), `URL: ${decoy}\nPush: refs/heads/*:refs/heads/*\n`);
  },
  "a repository of the agent's below the tree": ({ tree, trap }) => {
    const nested = emptyRepo(join(tree.path, "nested"));
    nested.commit({ "x.txt": "x" });
    appendFileSync(join(nested.path, ".git/config"), hostileConfig(trap, "/nowhere/"));
    setHooks(join(nested.path, ".git/hooks"), trap.command);
  },
  "a submodule whose repository is the agent's": ({ tree, trap }) => {
    const nested = emptyRepo(join(tree.path, "sub"));
    nested.commit({ "x.txt": "x" });
    gitIn(tree.path)("add", "sub");
    gitIn(tree.path)("-c", "user.name=x", "-c", "user.email=x@x", "commit", "-q", "-m", "sub", "--", "sub");
    appendFileSync(join(nested.path, ".git/config"), hostileConfig(trap, "/nowhere/"));
    nested.write("x.txt", "changed");
  },
  "objects borrowed from elsewhere": ({ tree, decoy }) => {
    appendFileSync(join(tree.mirror, "objects/info/alternates"), `${join(decoy, ".git/objects")}\n`);
  },
  "replaced commits": ({ tree }) => {
    const git = gitIn(tree.path);
    git("-c", "user.name=x", "-c", "user.email=x@x", "commit", "-q", "--allow-empty", "-m", "other");
    git("replace", "-f", "HEAD~1", git("rev-parse", "HEAD"));
    git("reset", "-q", "--soft", "HEAD~1");
  },
};

test.each(Object.entries(attacks))(
  "%s runs nothing of the agent's, and the work arrives all the same",
  async (_, attack) => {
    await using desk = await aDesk();
    const { tree } = await desk.start();
    const decoy = emptyRepo(join(desk.path, "decoy"));
    decoy.commit({ "decoy.txt": "x" });
    const trap = aTrap(desk.path);
    writeFileSync(join(tree.path, "src/a.txt"), "work\n");
    attack({ desk, tree, trap, decoy: decoy.path, admin: join(tree.mirror, "worktrees", tree.admin) });

    const left = await desk.repos.commitLeftovers(tree, "work", never());
    const summary = await desk.repos.summarize(tree, never());
    expect(summary?.commit).toBe(left.commit);
    await desk.repos.push(tree, { commit: summary?.commit ?? "" }, never());
    expect(desk.repo.git("show", `${tree.branch}:src/a.txt`)).toBe("work");
    expect(decoy.git("branch", "--format=%(refname:short)")).toBe("main");
    await desk.repos.close(tree, "reuse");
    const next = await desk.start();
    expect(readFileSync(join(next.tree.path, "src/a.txt"), "utf8")).toBe("a\na\n");
    expect(readdirSync(next.tree.path).sort()).toEqual([".git", ".gitignore", "README.md", "src"]);
    expect(gitIn(next.tree.path)("config", "--list", "--local")).not.toMatch(/trap|fsmonitor/);
    expect(gitIn(next.tree.path)("log", "--format=%s")).toBe("second\nfirst");
    expect(trap.sprung()).toBe(false);
  },
);

test("the traps are real: plain git in such a tree springs them", async () => {
  await using desk = await aDesk();
  const { tree } = await desk.start();
  const trap = aTrap(desk.path);
  appendFileSync(join(tree.mirror, "config"), hostileConfig(trap, "/nowhere/"));
  expect(trap.sprung()).toBe(false);
  gitIn(tree.path)("status");
  expect(trap.sprung()).toBe(true);
});

test("a configuration that is written again and again while we work is never read", async () => {
  await using desk = await aDesk();
  const { tree } = await desk.start();
  const trap = aTrap(desk.path);
  const hostile = hostileConfig(trap, join(desk.path, "nowhere"));
  writeFileSync(join(tree.path, ".gitattributes"), "* filter=trap\n");
  const again = setInterval(() => {
    try {
      writeFileSync(join(tree.mirror, "config"), hostile);
      setHooks(join(tree.mirror, "hooks"), trap.command);
      mkdirSync(join(tree.mirror, "info"), { recursive: true });
      writeFileSync(join(tree.mirror, "info/attributes"), "* filter=trap\n");
    } catch {
      // Just now it was being taken away.
    }
  }, 1);
  try {
    const left = await desk.repos.commitLeftovers(tree, "work", never());
    await desk.repos.push(tree, { commit: left.commit ?? "" }, never());
    expect(desk.repo.git("rev-parse", tree.branch)).toBe(left.commit);
  } finally {
    clearInterval(again);
  }
  expect(trap.sprung()).toBe(false);
});

/** The index with one path exchanged for another of the same length, and the checksum that git wants. */
function forgeIndex(path: string, from: string, to: string): void {
  const body = readFileSync(path).subarray(0, -20);
  const at = body.indexOf(from);
  expect(at).toBeGreaterThan(0);
  body.write(to, at);
  writeFileSync(path, Buffer.concat([body, createHash("sha1").update(body).digest()]));
}

test("an index that names files outside of the tree leads to no file outside of it", async () => {
  await using desk = await aDesk();
  const { tree } = await desk.start();
  const victim = join(dirname(tree.path), "vic");
  writeFileSync(victim, "precious");
  writeFileSync(join(tree.path, "zzzvic"), "x");
  gitIn(tree.path)("add", "zzzvic");
  rmSync(join(tree.path, "zzzvic"));
  forgeIndex(join(tree.mirror, "worktrees", tree.admin, "index"), "zzzvic", "../vic");
  expect(await desk.repos.commitLeftovers(tree, "x", never())).toMatchObject({ commit: undefined });
  await desk.repos.close(tree, "reuse");
  expect(readFileSync(victim, "utf8")).toBe("precious");
});

test.each(["--assume-unchanged", "--skip-worktree"])("a change hidden by `update-index %s` is found", async (flag) => {
  await using desk = await aDesk();
  const { tree } = await desk.start();
  const file = join(tree.path, "src/b.txt");
  gitIn(tree.path)("update-index", flag, "src/b.txt");
  writeFileSync(file, "hidden\n");
  const left = await desk.repos.commitLeftovers(tree, "x", never());
  expect(gitIn(tree.path)("show", "--stat", "--format=", left.commit ?? "")).toContain("src/b.txt");
  writeFileSync(file, "poison\n");
  utimesSync(file, 0, 0);
  gitIn(tree.path)("update-index", flag, "src/b.txt");
  await desk.repos.close(tree, "reuse");
  const next = await desk.start();
  expect(next.tree.fromPool).toBe(true);
  expect(readFileSync(join(next.tree.path, "src/b.txt"), "utf8")).toBe("b\n");
});

test("a link out of the tree is committed as a link, and nothing behind it is read or changed", async () => {
  await using desk = await aDesk();
  const outside = join(desk.path, "outside");
  mkdirSync(outside);
  for (const name of ["a.txt", "b.txt", "secret.txt"]) writeFileSync(join(outside, name), "precious\n");
  const { tree } = await desk.start();
  rmSync(join(tree.path, "src"), { recursive: true });
  symlinkSync(outside, join(tree.path, "src"));
  symlinkSync("/etc/passwd", join(tree.path, "passwd"));
  const left = await desk.repos.commitLeftovers(tree, "links", never());
  const listed = gitIn(tree.path)("ls-tree", "-r", left.commit ?? "");
  expect(listed).toMatch(/^120000 blob \w+\tsrc$/m);
  expect(listed).toMatch(/^120000 blob \w+\tpasswd$/m);
  await desk.repos.close(tree, "reuse");
  const next = await desk.start();
  expect(readdirSync(outside).map((name) => readFileSync(join(outside, name), "utf8"))).toEqual(
    Array(3).fill("precious\n"),
  );
  expect(readFileSync(join(next.tree.path, "src/b.txt"), "utf8")).toBe("b\n");
});

test("a HEAD that names something odd gives the job's branch", async () => {
  await using desk = await aDesk();
  const { tree } = await desk.start();
  const head = join(tree.mirror, "worktrees", tree.admin, "HEAD");
  for (const text of [
    "ref: ../../config\n",
    "ref: refs/heads/x^{/a}\n",
    "--help\n",
    "",
    `ref: refs/heads/${"a".repeat(300)}\n`,
  ]) {
    writeFileSync(head, text);
    writeFileSync(join(tree.path, "src/a.txt"), `${text}\n`);
    const left = await desk.repos.commitLeftovers(tree, "x", never());
    expect(gitIn(tree.path)("rev-parse", tree.branch)).toBe(left.commit);
  }
  rmSync(head);
  symlinkSync("/etc/passwd", head);
  expect((await desk.repos.summarize(tree, never()))?.commit).toBe(
    gitIn(desk.path)("--git-dir", tree.mirror, "rev-parse", tree.branch),
  );
});

test("a branch of another job that is checked out here is not moved", async () => {
  await using desk = await aDesk();
  const [one, two] = [await desk.start(), await desk.start()];
  const head = join(two.tree.mirror, "worktrees", two.tree.admin, "HEAD");
  writeFileSync(head, `ref: refs/heads/${one.tree.branch}\n`);
  writeFileSync(join(two.tree.path, "x.txt"), "x");
  const left = await desk.repos.commitLeftovers(two.tree, "x", never());
  expect(gitIn(one.tree.path)("rev-parse", "HEAD")).toBe(one.prepared.baseSha);
  expect(gitIn(two.tree.path)("rev-parse", two.tree.branch)).toBe(left.commit);
});

test("a tree that was exchanged for a link is not followed", async () => {
  await using desk = await aDesk();
  const { job, tree } = await desk.start();
  const outside = join(desk.path, "outside");
  renameSync(tree.path, outside);
  symlinkSync(outside, tree.path);
  writeFileSync(join(outside, "x.txt"), "x");
  await expect(desk.repos.commitLeftovers(tree, "x", never())).rejects.toMatchObject({ code: "worktree_failed" });
  expect(await desk.repos.reopenWorktree(job, never())).toBeUndefined();
  expect(existsSync(join(outside, "x.txt"))).toBe(true);
});

test("git's entry of a tree that was exchanged for a link to another repository leaves that as it is", async () => {
  await using desk = await aDesk();
  const { tree } = await desk.start();
  const other = emptyRepo(join(desk.path, "other"));
  other.commit({ "a.txt": "a" });
  setHooks(join(other.path, ".git/hooks"), "true");
  const inside = () => readdirSync(join(other.path, ".git")).sort();
  const before = inside();
  const entry = join(tree.mirror, "worktrees", tree.admin);
  rmSync(entry, { recursive: true });
  symlinkSync(join(other.path, ".git"), entry);

  await expect(desk.repos.commitLeftovers(tree, "x", never())).rejects.toMatchObject({ code: "worktree_failed" });
  expect(inside()).toEqual(before);
  expect(other.git("log", "--format=%s")).not.toBe("");
});

test("objects of another repository that were linked into the mirror are not pushed with the work", async () => {
  await using desk = await aDesk();
  const { tree } = await desk.start();
  const other = emptyRepo(join(desk.path, "other"));
  const secret = other.commit({ "secret.txt": "precious" });
  for (const name of readdirSync(join(other.path, ".git/objects")).filter((name) => /^[0-9a-f]{2}$/.test(name)))
    symlinkSync(join(other.path, ".git/objects", name), join(tree.mirror, "objects", name));
  const git = gitIn(tree.path);
  const head = git("rev-parse", "HEAD");
  const both = git(
    "-c",
    "user.name=x",
    "-c",
    "user.email=x@x",
    "commit-tree",
    `${head}^{tree}`,
    "-p",
    head,
    "-p",
    secret,
    "-m",
    "x",
  );
  git("reset", "-q", "--soft", both);

  const pushed = async () => {
    await desk.repos.commitLeftovers(tree, "work", never());
    await desk.repos.push(tree, { commit: both }, never());
  };
  await expect(pushed()).rejects.toMatchObject({ name: "AppError" });
  expect(() => desk.repo.git("cat-file", "-e", secret)).toThrow();
});

test.each(["refs", "objects", "worktrees"])(
  "nothing is written where a link in the place of the mirror's `%s` leads",
  async (name) => {
    await using desk = await aDesk();
    const { job, tree } = await desk.start();
    const outside = join(desk.path, "outside");
    renameSync(join(tree.mirror, name), outside);
    symlinkSync(outside, join(tree.mirror, name));
    const before = readdirSync(outside, { recursive: true }).sort();
    writeFileSync(join(tree.path, "x.txt"), "x");
    const left = await desk.repos.commitLeftovers(tree, "x", never()).catch(() => undefined);
    if (left?.commit !== undefined) await desk.repos.push(tree, { commit: left.commit }, never());
    await desk.repos.close(tree, "reuse");
    expect(await desk.repos.reopenWorktree(job, never())).toBeUndefined();
    expect(readdirSync(outside, { recursive: true }).sort()).toEqual(before);
    expect(gitIn((await desk.start()).tree.path)("status", "--porcelain")).toBe("");
  },
);

test("whoever tampered with the mirror gets no tree into the pool, nor do the trees that lived meanwhile", async () => {
  await using desk = await aDesk();
  const [bad, bystander] = [await desk.start(), await desk.start()];
  setHooks(join(bad.tree.mirror, "hooks"), "true");
  await desk.repos.close(bad.tree, "reuse");
  await desk.repos.close(bystander.tree, "reuse");
  expect((await desk.start()).tree.fromPool).toBe(false);
  expect(desk.said.join("\n")).toContain("hooks had appeared");
});
