import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { gitServer } from "../../support/git-server.ts";
import { aDesk, aJob, never } from "./a-desk.ts";

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
  const program = `
    import { openRepos } from ${JSON.stringify(join(import.meta.dirname, "../../../runner/git/repos.ts"))};
    const { log, ...options } = ${JSON.stringify(desk.options)};
    const repos = await openRepos(options);
    await repos.prepare({ id: "first", repoUrl: ${JSON.stringify(url)} }, new AbortController().signal);
  `;
  const runner = spawn(process.execPath, ["--input-type=module-typescript", "-e", program], { stdio: "ignore" });
  await begun.promise;
  expect(processesWith(`${server.host}/person`).length).toBeGreaterThan(1);
  runner.kill("SIGKILL");
  await expect.poll(() => processesWith(`${server.host}/person`), { timeout: 5_000 }).toEqual([]);
  expect(await desk.repos.prepare(aJob(url), never())).toMatchObject({ baseSha: desk.repo.head(), how: "fetched" });
});
