import { afterAll, beforeAll, expect, test } from "vitest";
import { sampleRepo } from "../support/a-repo.ts";
import { aWorld, type SeenJob, type World } from "../support/a-world.ts";
import { gitIn } from "../support/sample-repo.ts";

let world: World;
beforeAll(async () => {
  // As root Claude bypasses permissions only where it is told that it is in a sandbox.
  world = await aWorld({ IS_SANDBOX: "1" });
  const folder = ".agenticore/profiles/bypass";
  const claude = { permission_mode: "bypassPermissions", disallowed_tools: ["Bash(git commit:*)", "Write"] };
  world.write(`${folder}/profile.yml`, JSON.stringify({ extends: "code", claude }));
  const deny = "grep -q forbidden && { echo 'The hook says no.' >&2; exit 2; }; exit 0";
  const hooks = { PreToolUse: [{ matcher: "Bash", hooks: [{ type: "command", command: deny }] }] };
  world.write(`${folder}/.claude/settings.json`, JSON.stringify({ hooks }));
  await world.serve({ direct: true });
});
afterAll(() => world[Symbol.asyncDispose]());

const tool = async ({ id }: SeenJob) => (await world.events(id)).find(({ type }) => type === "tool.ended")?.data;

test("with every permission bypassed a profile's disallowed tools and its hooks still hold", async () => {
  await using repo = await sampleRepo();
  const run = async (scenario: string) =>
    await world.ended(
      (await world.submit({ task: `Go. [[scenario:${scenario}]]`, repo_url: repo.path, profile: "bypass" })).id,
    );
  const [free, commit, hooked, write] = await Promise.all([
    run('run command="mkdir -p .claude; echo x > .claude/settings.json; echo done"'),
    run('run command="echo a; git commit --allow-empty -qm sneaked"'),
    run('run command="touch forbidden"'),
    run("leave-uncommitted file=written.txt"),
  ]);
  expect(await tool(free)).toMatchObject({ is_error: false, output: expect.stringContaining("done") }); // it is bypassed
  expect(await tool(commit)).toMatchObject({ is_error: true });
  expect(await tool(hooked)).toMatchObject({ is_error: true, output: expect.stringContaining("The hook says no.") });
  expect(await tool(write)).toMatchObject({ is_error: true });
  expect(commit["warnings"]).toEqual([expect.stringContaining("denied Bash")]);
  const log = gitIn(repo.path)("log", "--all", "--format=%s", "--name-only");
  expect(log).not.toMatch(/sneaked|forbidden|written\.txt/);
});
