import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openRepos } from "../../../runner/git/repos.ts";
import type { RepoAddress } from "../../../shared/repo-url.ts";
import { gitServer } from "../../support/git-server.ts";
import { gitIn } from "../../support/sample-repo.ts";
import { aDesk, aJob, gitBinary, never } from "./a-desk.ts";
import { hostedDesk, login, work } from "./a-hosted-desk.ts";
import { aTrap, hostileConfig, setHooks } from "./a-trap.ts";

test("neither hooks nor settings of the person's repository run when it is fetched from and pushed to", async () => {
  await using desk = await aDesk();
  const trap = aTrap(desk.path);
  const { git, path } = desk.repo;
  git("clone", "-q", "--bare", path, join(desk.path, "lender.git"));
  writeFileSync(join(path, ".git/objects/info/alternates"), `${join(desk.path, "lender.git/objects")}\n`);
  appendFileSync(join(path, ".git/config"), hostileConfig(trap, "/nowhere/"));
  setHooks(join(path, ".git/hooks"), trap.command);
  const { tree } = await desk.start();
  const commit = await work(desk, tree);
  expect(await desk.repos.push(tree, { commit }, never())).toMatchObject({ how: "new" });
  expect(trap.sprung()).toBe(false);
  expect(readFileSync(join(path, ".git/refs/heads", tree.branch), "utf8").trim()).toBe(commit);
});

test("a later attempt pushes more onto its branch, but never rewrites it in the person's repository", async () => {
  await using desk = await aDesk();
  const { tree } = await desk.start();
  await desk.repos.push(tree, { commit: await work(desk, tree, "one") }, never());
  const two = await work(desk, tree, "two");
  expect(await desk.repos.push(tree, { commit: two }, never())).toMatchObject({ how: "updated" });
  gitIn(tree.path)("reset", "-q", "--hard", tree.baseSha);
  const other = await work(desk, tree, "three");
  await expect(desk.repos.push(tree, { commit: other }, never())).rejects.toMatchObject({ code: "push_rejected" });
  expect(desk.repo.git("rev-parse", tree.branch)).toBe(two);
});

test("a branch that the person has checked out is not touched", async () => {
  await using desk = await aDesk();
  const { tree } = await desk.start();
  await desk.repos.push(tree, { commit: await work(desk, tree, "one") }, never());
  desk.repo.git("switch", "-q", tree.branch);
  const more = await work(desk, tree, "two");
  await expect(desk.repos.push(tree, { commit: more }, never())).rejects.toMatchObject({ code: "push_rejected" });
  expect(readFileSync(join(desk.repo.path, "work.txt"), "utf8")).toBe("one");
});

test("a name that the repository has already makes the branch's name longer", async () => {
  await using desk = await aDesk();
  const id = "12345678-1234-4123-8123-123456789abc";
  desk.repo.git("branch", "agenticore-12345678");
  const { tree } = await desk.start({ id });
  expect(tree.branch).toBe("agenticore-12345678-1234");
  const again = await desk.start({ id: `12345678-1234-4999-8123-123456789abc` });
  expect(again.tree.branch).toBe("agenticore-12345678-1234-4999");
});

test("only the job's commit goes to the repository: no tags, no other branches", async () => {
  await using desk = await aDesk();
  const { tree } = await desk.start();
  const commit = await work(desk, tree);
  gitIn(tree.path)("-c", "user.name=x", "-c", "user.email=x@x", "tag", "-a", "-m", "x", "agents-tag");
  gitIn(tree.path)("branch", "agents-branch");
  await desk.repos.push(tree, { commit }, never());
  expect(desk.repo.git("for-each-ref", "--format=%(refname)").split("\n")).toEqual([
    `refs/heads/${tree.branch}`,
    "refs/heads/main",
  ]);
});

test("a refused push and a repository that is gone are told apart", async () => {
  await using desk = await aDesk();
  const { tree } = await desk.start();
  const commit = await work(desk, tree);
  desk.repo.git("config", "transfer.hideRefs", "refs/heads");
  await expect(desk.repos.push(tree, { commit }, never())).rejects.toMatchObject({ code: "push_rejected" });
  execFileSync("rm", ["-rf", desk.repo.path]);
  const gone = {
    code: "push_rejected",
    message: expect.stringContaining("there is no repository"),
    remedy: expect.stringMatching(/^Put the folder back/),
  };
  await expect(desk.repos.push(tree, { commit }, never())).rejects.toMatchObject(gone);
});

const filesWith = (folder: string, text: string) =>
  execFileSync("sh", ["-c", 'grep -rl -- "$1" "$2" || true', "sh", text, folder], { encoding: "utf8" }).trim();

test("W-27: a repository that needs a login is fetched and pushed with credentials that stay nowhere", async () => {
  await using world = await hostedDesk();
  const { desk, server, hosted } = world;
  const { tree } = await desk.start({ repoUrl: server.url("src.git") });
  const commit = await work(desk, tree);
  expect(await desk.repos.push(tree, { commit }, never())).toMatchObject({ how: "new" });
  expect(await desk.repos.push(tree, { commit }, never())).toMatchObject({ how: "same" });
  expect(hosted("rev-parse", tree.branch)).toBe(commit);
  expect(filesWith(desk.path, login.password)).toBe("");
  expect(readdirSync(join(desk.path, "state/credentials", String(process.pid)))).toEqual([]);
});

test("a branch of ours is rewritten on a remote only where it still is what we pushed", async () => {
  await using world = await hostedDesk();
  const { desk, server, hosted } = world;
  const { tree } = await desk.start({ repoUrl: server.url("src.git") });
  await desk.repos.push(tree, { commit: await work(desk, tree, "one") }, never());
  gitIn(tree.path)("reset", "-q", "--hard", tree.baseSha);
  const two = await work(desk, tree, "two");
  expect(await desk.repos.push(tree, { commit: two }, never())).toMatchObject({ how: "updated" });
  gitIn(tree.path)("reset", "-q", "--hard", tree.baseSha);
  const three = await work(desk, tree, "three");
  const theirs = hosted("-c", "user.name=x", "-c", "user.email=x@x", "commit-tree", "-m", "theirs", "main^{tree}");
  hosted("update-ref", `refs/heads/${tree.branch}`, theirs);
  await expect(desk.repos.push(tree, { commit: three }, never())).rejects.toMatchObject({ code: "push_rejected" });
});

test("a login that is missing or wrong is told as such, without waiting for a person", async () => {
  for (const credentials of [async () => undefined, async () => ({ ...login, password: "wrong" })]) {
    await using world = await hostedDesk({ credentials });
    const refused = world.desk.start({ repoUrl: world.server.url("src.git") });
    await expect(refused).rejects.toMatchObject({ code: "auth_failed", remedy: expect.stringContaining("doctor") });
  }
});

test("a redirect to another host is not followed, and that host sees no credentials", async () => {
  await using world = await hostedDesk();
  await using thief = await gitServer({ root: join(world.desk.path, "served") });
  let redirects = 0;
  await using turned = await gitServer({
    root: join(world.desk.path, "served"),
    login,
    redirect: (url) => (++redirects > 0 ? `http://${thief.host}${url}` : undefined),
  });
  await expect(world.desk.start({ repoUrl: turned.url("src.git") })).rejects.toMatchObject({ code: "clone_failed" });
  expect(redirects).toBeGreaterThan(0);
  expect(thief.seen).toEqual([]);
});

test("a server that sends `src` on to `src.git` is asked there at once, for fetch and push", async () => {
  await using world = await hostedDesk();
  const { desk, hosted } = world;
  await using server = await gitServer({
    root: join(desk.path, "served"),
    login,
    redirect: (url) => (url.startsWith("/src/") ? url.replace("/src/", "/src.git/") : undefined),
  });
  const { tree } = await desk.start({ repoUrl: server.url("src") });
  const commit = await work(desk, tree);
  expect(await desk.repos.push(tree, { commit }, never())).toMatchObject({ how: "new" });
  expect(hosted("rev-parse", tree.branch)).toBe(commit);
});

test("the credentials of one host are not given to another, not even by an agent's settings", async () => {
  const asked: string[] = [];
  const credentials = async ({ url }: RepoAddress) => {
    asked.push(new URL(url).host);
    return login;
  };
  await using world = await hostedDesk({ credentials });
  const { desk, server } = world;
  await using thief = await gitServer({ root: join(desk.path, "served"), login: { username: "t", password: "t" } });
  const { tree } = await desk.start({ repoUrl: server.url("src.git") });
  const commit = await work(desk, tree);
  const insteadOf = `[url "http://${thief.host}/"]\n\tinsteadOf = http://${server.host}/\n\tpushInsteadOf = http://${server.host}/\n`;
  appendFileSync(join(tree.mirror, "config"), insteadOf);
  await desk.repos.push(tree, { commit }, never());
  expect(thief.seen).toEqual([]);
  expect(new Set(asked)).toEqual(new Set([server.host]));
});

test("what a server refuses by a hook of its own is shown with its reason", async () => {
  await using world = await hostedDesk();
  const { desk, server } = world;
  const hook = join(desk.path, "served/src.git/hooks/pre-receive");
  writeFileSync(hook, "#!/bin/sh\necho 'branches need a ticket number' >&2\nexit 1\n", { mode: 0o755 });
  const { tree } = await desk.start({ repoUrl: server.url("src.git") });
  const refused = desk.repos.push(tree, { commit: await work(desk, tree) }, never());
  await expect(refused).rejects.toMatchObject({
    code: "push_rejected",
    message: expect.stringContaining("ticket number"),
  });
});

test("W-80: a repository that the server does not have is told as such", async () => {
  await using world = await hostedDesk();
  const { desk, server } = world;
  const missing = desk.start({ repoUrl: server.url("missing.git") });
  await expect(missing).rejects.toMatchObject({
    code: "clone_failed",
    message: expect.stringContaining("there is no repository"),
  });
  await expect(desk.start({ repoUrl: "http://127.0.0.1:1/x" })).rejects.toMatchObject({ code: "clone_failed" });
  expect(existsSync(join(desk.path, "trees"))).toBe(true);
});

test("an ssh repository is fetched and pushed without ever asking a person, by either spelling of its address", async () => {
  await using desk = await aDesk();
  const bin = join(desk.path, "bin");
  mkdirSync(bin);
  symlinkSync(gitBinary, join(bin, "git"));
  // In the place of ssh: notes its arguments and runs the command here.
  const ssh = `#!/bin/sh\necho "$@" >>'${join(desk.path, "asked")}'\nfor last; do :; done\nexec sh -c "$last"\n`;
  writeFileSync(join(bin, "ssh"), ssh, { mode: 0o755 });
  desk.repo.git("clone", "-q", "--bare", desk.repo.path, join(desk.path, "src.git"));
  await using repos = await openRepos({ ...desk.options, gitBinary: join(bin, "git"), poolSize: 0 });
  const urls = [`ssh://git@host.example:2222${desk.path}/src.git`, `git@host.example:${desk.path}/src.git`];
  for (const repoUrl of urls) {
    const job = aJob(repoUrl);
    const tree = await repos.openWorktree(await repos.prepare(job, never()), job, never());
    writeFileSync(join(tree.path, "x.txt"), "x");
    const { commit = "" } = await repos.commitLeftovers(tree, "x", never());
    expect(await repos.push(tree, { commit }, never())).toMatchObject({ how: "new" });
    expect(gitIn(join(desk.path, "src.git"))("rev-parse", tree.branch)).toBe(commit);
  }
  const asked = readFileSync(join(desk.path, "asked"), "utf8").trim().split("\n");
  expect(asked.every((line) => line.includes("-oBatchMode=yes") && line.includes("-oStrictHostKeyChecking=yes"))).toBe(
    true,
  );
  expect(asked.some((line) => line.includes("-p 2222"))).toBe(true);
});

test("an earlier attempt's commit that came late is replaced on a remote, and left alone in a person's folder", async () => {
  await using world = await hostedDesk();
  const { desk, server, hosted } = world;
  const url = { local: desk.repo.path, hosted: server.url("src.git") };
  for (const [where, git] of [
    ["local", desk.repo.git],
    ["hosted", hosted],
  ] as const) {
    const { tree, job } = await desk.start({ repoUrl: url[where] });
    const late = git(
      "-c",
      "user.name=x",
      "-c",
      "user.email=x@x",
      "commit-tree",
      "-m",
      "late",
      "-p",
      "main",
      "main^{tree}",
    );
    git("branch", tree.branch, late);
    const commit = await work(desk, tree);

    // Without knowing of it, it is a person's.
    await expect(desk.repos.push(tree, { commit }, never())).rejects.toMatchObject({ code: "push_rejected" });
    const pushed = await desk.repos.push(tree, { commit, earlier: late }, never());

    const branch = where === "hosted" ? tree.branch : `agenticore-${job.id.slice(0, 13)}`;
    expect(pushed).toEqual({ branch, commit, how: where === "hosted" ? "updated" : "new" });
    expect(git("rev-parse", branch)).toBe(commit);
    expect(git("rev-parse", tree.branch)).toBe(where === "hosted" ? commit : late);
    // And once more, by an attempt behind one that was lost right after it.
    expect(await desk.repos.push(tree, { commit, earlier: commit }, never())).toEqual({ branch, commit, how: "same" });
  }
});
