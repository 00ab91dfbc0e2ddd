import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isFolder } from "../../cli/local-folder.ts";
import { aCli } from "../support/a-cli.ts";
import { sampleRepo } from "../support/a-repo.ts";
import { aServedApi } from "../support/a-served-api.ts";

const path = process.env["PATH"] ?? "";
const at = (url: string, cwd: string) => aCli({ env: { AGENTICORE_URL: url, PATH: path }, cwd });

test("`-r .` is the repository that the folder lies in, by its absolute path", async () => {
  await using server = await aServedApi();
  await using repo = await sampleRepo();
  const inside = join(repo.path, "some/folder");
  mkdirSync(inside, { recursive: true });

  for (const [cwd, word] of [
    [repo.path, "."],
    [inside, "."],
    [inside, "../.."],
    ["/", repo.path],
  ] as const) {
    const { code, out, err } = await at(server.url, cwd).run("run", "x", "-r", word);
    expect({ code, warned: err.includes("warning") }).toEqual({ code: 0, warned: false });
    expect((await server.store.get(out.trim() as never))?.repo_url).toBe(realpathSync(repo.path));
  }
});

test("an empty `-r`, as of a variable that is not set, is not the folder where one stands", async () => {
  await using server = await aServedApi();
  await using repo = await sampleRepo();
  for (const line of [
    ["run", "x", "-r", ""],
    ["worktree", "prepare", " "],
  ])
    expect(await at(server.url, repo.path).run(...line)).toMatchObject({
      code: 2,
      out: "",
      err: expect.stringContaining("The repository is empty"),
    });
  expect((await server.store.list({ limit: 1 })).jobs).toEqual([]);
});

test("a folder whose path no server takes is wrong usage, and the whole path is named", async () => {
  await using server = await aServedApi();
  await using repo = await sampleRepo();
  const spaced = join(repo.path, "my project");
  execFileSync("git", ["init", "--quiet", spaced]);

  const { code, err } = await at(server.url, spaced).run("run", "x", "-r", ".");

  expect(code).toBe(2);
  expect(err).toContain(`The path of the repository ${realpathSync(spaced)} contains a space`);
});

test("uncommitted changes of the person's tree are told of, and left alone", async () => {
  await using server = await aServedApi();
  await using repo = await sampleRepo();
  writeFileSync(join(repo.path, "README.md"), "changed\n");
  writeFileSync(join(repo.path, "new.txt"), "new\n");

  const { code, out, err } = await at(server.url, repo.path).run("run", "x", "-r", ".");

  expect({ code, lines: out.trim().split("\n").length }).toEqual({ code: 0, lines: 1 });
  expect(err).toMatch(/warning: .* uncommitted changes \(2 files\): they are not part of the job/);
});

test("looking at a repository runs none of the programs that its configuration names", async () => {
  await using server = await aServedApi();
  await using repo = await sampleRepo();
  const git = (...args: string[]) => execFileSync("git", args, { cwd: repo.path });
  const trap = join(repo.path, ".git/trapped");
  for (const name of ["core.fsmonitor", "filter.evil=x.clean", "filter.evil=x.process"])
    git("config", name, `touch '${trap}'; cat`);
  writeFileSync(join(repo.path, ".gitattributes"), "* filter=evil=x\n");
  // As long as before: git has to read it, through the filter.
  writeFileSync(join(repo.path, "README.md"), "# Sampl3\n");

  const { code, err } = await at(server.url, repo.path).run("run", "x", "-r", ".");

  expect(code).toBe(0);
  expect(err).toContain("uncommitted changes");
  expect(existsSync(trap)).toBe(false);
  // The trap is one: git itself falls into it.
  execFileSync("git", ["-c", "core.fsmonitor=false", "status"], { cwd: repo.path, stdio: "ignore" });
  expect(existsSync(trap)).toBe(true);
});

test("variables of a surrounding git command do not change which repository is meant", async () => {
  await using server = await aServedApi();
  await using repo = await sampleRepo();
  await using other = await sampleRepo();
  const env = { AGENTICORE_URL: server.url, PATH: path, GIT_DIR: join(other.path, ".git") };

  const { out } = await aCli({ env, cwd: repo.path }).run("run", "x", "-r", ".");

  expect((await server.store.get(out.trim() as never))?.repo_url).toBe(realpathSync(repo.path));
});

test.each([
  [".", true],
  ["../x", true],
  ["~/x", true],
  ["/srv/git/x", true],
  ["org/repo", true],
  ["https://github.com/org/repo", false],
  ["ssh://git@host/repo", false],
  ["git@github.com:org/repo.git", false],
  ["ext::sh -c id", false],
])("%s is a folder of this machine: %s", (repo, folder) => {
  expect(isFolder(repo)).toBe(folder);
});
