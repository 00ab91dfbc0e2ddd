import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { RepoOptions } from "../../../runner/git/repo-box.ts";
import { openRepos } from "../../../runner/git/repos.ts";
import { gitServer } from "../../support/git-server.ts";
import { aDesk, aJob, never } from "./a-desk.ts";
import { login } from "./a-hosted-desk.ts";

/** Command lines of living processes that mention this text. */
const processesWith = (text: string): readonly string[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const line = readFileSync(join("/proc", pid, "cmdline"), "utf8").replaceAll("\0", " ");
        return line.includes(text) && Number(pid) !== process.pid ? [line] : [];
      } catch {
        return [];
      }
    });

/** A process that fetches this repository. */
function aRunner(options: RepoOptions, url: string): ChildProcess {
  const program = `
    import { openRepos } from ${JSON.stringify(join(import.meta.dirname, "../../../runner/git/repos.ts"))};
    const options = ${JSON.stringify(options)};
    const repos = await openRepos({ ...options, credentials: async () => (${JSON.stringify(login)}) });
    await repos.prepare({ id: "first", repoUrl: ${JSON.stringify(url)} }, new AbortController().signal);
  `;
  return spawn(process.execPath, ["--input-type=module-typescript", "-e", program], { stdio: "ignore" });
}

test("no git outlives a runner that is killed in the middle of a fetch, and the next one starts at once", async () => {
  await using desk = await aDesk();
  const begun = Promise.withResolvers<void>();
  let packs = 0;
  await using server = await gitServer({
    root: desk.path,
    before: async (url) => {
      if (!url.endsWith("/git-upload-pack") || ++packs !== 3) return;
      begun.resolve();
      await new Promise(() => undefined);
    },
  });
  const url = server.url("person");
  const runner = aRunner(desk.options, url);
  await begun.promise;
  expect(processesWith(`${server.host}/person`).length).toBeGreaterThan(1);
  runner.kill("SIGKILL");
  await expect.poll(() => processesWith(`${server.host}/person`), { timeout: 5_000 }).toEqual([]);
  expect(await desk.repos.prepare(aJob(url), never())).toMatchObject({ baseSha: desk.repo.head(), how: "fetched" });
});

test("what a killed runner's git had logged in with goes when the next one starts, also where that has its process id", async () => {
  await using desk = await aDesk();
  const begun = Promise.withResolvers<void>();
  await using server = await gitServer({
    root: desk.path,
    login,
    before: async () => {
      if (server.seen.at(-1)?.authorization === undefined) return;
      begun.resolve();
      await new Promise(() => undefined);
    },
  });
  const runner = aRunner(desk.options, server.url("person"));
  await begun.promise;
  runner.kill("SIGKILL");
  await new Promise((done) => runner.once("exit", done));
  const all = join(desk.path, "state/credentials");
  const theirs = join(all, String(runner.pid));
  expect(readFileSync(join(theirs, readdirSync(theirs)[0] ?? ""), "utf8")).toContain(login.password);
  const own = join(all, String(process.pid));
  for (const name of ["in use", "of a runner before"]) writeFileSync(join(own, name), login.password);
  const before = performance.timeOrigin / 1000 - 1;
  utimesSync(join(own, "of a runner before"), before, before);
  // Init is alive, and no runner of ours: it has the id of one.
  mkdirSync(join(all, "1"));
  writeFileSync(join(all, "1/of-a-dead-runner"), login.password);
  utimesSync(join(all, "1/of-a-dead-runner"), 0, 0);

  await using _next = await openRepos(desk.options);

  expect(existsSync(theirs)).toBe(false);
  expect(readdirSync(own)).toEqual(["in use"]);
  expect(readdirSync(join(all, "1"))).toEqual([]);
});
