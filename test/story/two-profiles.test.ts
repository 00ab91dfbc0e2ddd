import { execFileSync } from "node:child_process";
import { globSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sampleRepo } from "../support/a-repo.ts";
import type { Served } from "../support/a-server.ts";
import { aWorld, type SeenJob, type World } from "../support/a-world.ts";
import { eventually } from "../support/eventually.ts";
import { gitIn } from "../support/sample-repo.ts";

let world: World;
let served: Served;
const secrets = {
  ...{ red: "geheim-red-0123456789", blue: "geheim-blue-9876543210", header: "geheim-header-5555555555" },
  ...{ option: "geheim-option-7777777777", query: "geheim-query-8888888888" },
};

/** A profile with something of every kind, each in its own colour. */
function paint(colour: "red" | "blue"): void {
  const put = (path: string, content: unknown) =>
    world.write(
      `.agenticore/profiles/${colour}/${path}`,
      typeof content === "string" ? content : JSON.stringify(content),
    );
  const server = resolve(import.meta.dirname, "../fixtures/mcp-server.ts");
  put(
    "profile.yml",
    `description: ${colour}\nenv: {DEPLOY_TOKEN: ${secrets[colour]}, COLOUR: ${colour}}\nclaude:\n  allowed_tools: [Bash, Write, mcp__${colour}]\n`,
  );
  put("CLAUDE.md", `WORDS-OF-${colour}`);
  put(".claude/settings.json", { permissions: { deny: [`Bash(touch not-${colour}:*)`] }, env: { SETTING: colour } });
  put(`.claude/agents/${colour}.md`, `---\nname: ${colour}\ndescription: AGENT-OF-${colour}\n---\nLook.`);
  put(`.claude/skills/${colour}/SKILL.md`, `---\nname: ${colour}\ndescription: SKILL-OF-${colour}\n---\nDo.`);
  put(".mcp.json", {
    mcpServers: {
      [colour]: {
        command: process.execPath,
        args: [server, "/dev/null", "--api-key", secrets.option],
        env: { NOTER: colour },
      },
      far: {
        type: "http",
        url: `http://127.0.0.1:9/mcp?access_token=${secrets.query}`,
        headers: { Authorization: `Bearer ${secrets.header}` },
      },
    },
  });
}

beforeAll(async () => {
  world = await aWorld();
  paint("red");
  paint("blue");
  served = await world.serve({ direct: true });
});
afterAll(() => world[Symbol.asyncDispose]());

/** Everything that the model was told in this job's conversation. */
const told = (job: SeenJob): string =>
  world.model
    .requests()
    .filter(({ session }) => session === job["session_id"])
    .map(({ system, userTexts }) => [system, ...userTexts].join("\n"))
    .join("\n");
const isClean = (tree: string): string => gitIn(tree)("status", "--porcelain", "--ignored");

test("W-30 W-31: two jobs at once on one repository see each its own profile, and tree and clone stay clean", async () => {
  await using repo = await sampleRepo();
  const colours = ["red", "blue"] as const;
  const jobs = await Promise.all(
    colours.map((profile) => {
      const command = `echo $COLOUR $SETTING > ${profile}.txt; git add -A; git commit -q -m ${profile}`;
      const task = `Paint. [[scenario:run command="${command}"]] [[hold:${profile}]]`;
      return world.submit({ task, profile, repo_url: repo.path });
    }),
  );
  const trees = await Promise.all(
    jobs.map(async ({ id }) => {
      await eventually(() => world.model.requests().some(({ state }) => state === "open"), { what: "Claude asks" });
      const job = await world.until(id, (seen) => seen["phase"] === "running");
      return String(job["worktree_path"]);
    }),
  );
  await eventually(() => world.model.requests().filter(({ state }) => state === "open").length === 2, {
    what: "both ask at once",
  });
  for (const tree of trees) expect(isClean(tree)).toBe("");
  for (const colour of colours) world.model.release(colour);

  const ended = await Promise.all(jobs.map(({ id }) => world.ended(id)));
  for (const [index, job] of ended.entries()) {
    const [own, other] = index === 0 ? ["red", "blue"] : ["blue", "red"];
    expect(job).toMatchObject({ status: "succeeded", profile: own, diff: { files: 1 } });
    for (const words of ["WORDS-OF-", "AGENT-OF-", "SKILL-OF-"]) {
      expect(told(job)).toContain(`${words}${own}`);
      expect(told(job)).not.toContain(`${words}${other}`);
    }
    const files = gitIn(repo.path)("show", "--name-only", "--format=", String(job["branch"]));
    expect(files).toBe(`${own}.txt`);
    expect(gitIn(repo.path)("show", `${String(job["branch"])}:${own}.txt`)).toBe(`${own} ${own}`);
  }
  expect(isClean(repo.path)).toBe("");
  const strays = globSync("{agenticore-repos,.agenticore/worktrees}/**/{.mcp.json,mcp.json,settings.json,CLAUDE.md}", {
    cwd: world.home,
  });
  expect(strays).toEqual([]);
});

test("what is secret in a profile is in no event, output, log, job file or commit, though Claude prints it", async () => {
  await using repo = await sampleRepo();
  const command =
    "env | grep TOKEN; cat $CLAUDE_CONFIG_DIR/mcp.json; env > kept.txt; rm kept.txt; echo done > done.txt";
  const task = `Tell all. [[scenario:run command="${command}"]]`;
  const { id } = await world.submit({ task, profile: "red", repo_url: repo.path });
  const job = await world.ended(id);
  expect(job).toMatchObject({ status: "succeeded", diff: { files: 1 } });
  const events = JSON.stringify(await world.events(id));
  expect(events).toContain("DEPLOY_TOKEN=[redacted]");
  expect(events).toContain("Bearer [redacted]");
  expect(events).toContain("access_token=[redacted]");
  const jobFiles = globSync(".agenticore/jobs/**", { cwd: world.home })
    .map((path) => join(world.home, path))
    .filter((path) => statSync(path).isFile());
  expect(jobFiles.length).toBeGreaterThan(0);
  const history = execFileSync("git", ["-C", repo.path, "log", "-p", "--all"], { encoding: "utf8" });
  const seen = [
    JSON.stringify(job),
    events,
    history,
    served.stderr(),
    ...jobFiles.map((path) => readFileSync(path, "latin1")),
  ];
  for (const secret of Object.values(secrets)) for (const text of seen) expect(text).not.toContain(secret);
});

test("the folder that a profile is laid out in is for its user alone", async () => {
  const { id } = await world.submit({ task: "Look. [[scenario:text]] [[hold:look]]", profile: "blue" });
  const running = await world.until(id, (seen) => seen["phase"] === "running");
  const folder = String(running["job_config_dir"]);
  await eventually(() => globSync(join(folder, "settings.json")).length === 1, { what: "it is laid out" });
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  for (const file of ["settings.json", "mcp.json", "CLAUDE.md"])
    expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
  world.model.release("look");
  expect(await world.ended(id)).toMatchObject({ status: "succeeded" });
});
