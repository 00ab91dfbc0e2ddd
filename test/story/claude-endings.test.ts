import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sampleRepo } from "../support/a-repo.ts";
import { aWorld, type World } from "../support/a-world.ts";
import { gitIn } from "../support/sample-repo.ts";

let world: World;
beforeAll(async () => {
  world = await aWorld();
  world.write(".agenticore/profiles/two-turns/profile.yml", "extends: code\nclaude: { max_turns: 2 }\n");
  world.write(
    ".agenticore/profiles/reader/profile.yml",
    "claude: { permission_mode: default, allowed_tools: [Read] }\n",
  );
  await world.serve({ direct: true });
});
afterAll(() => world[Symbol.asyncDispose]());

describe.concurrent("the real Claude Code ends, and the job says how", () => {
  test("what Claude leaves uncommitted is committed, but for ignored files and what looks like a secret; a warning names the latter", async () => {
    await using repo = await sampleRepo();
    const git = gitIn(repo.path);
    writeFileSync(join(repo.path, ".gitignore"), "ignored/\n");
    git("add", ".");
    git("commit", "-q", "-m", "ignore");
    writeFileSync(join(repo.path, "README.md"), "# Changed by the person\n");
    writeFileSync(join(repo.path, "mine.txt"), "the person's\n");
    const command =
      "echo left > left.txt; echo A=1 > .env.local; echo p > server.pem; mkdir ignored; echo i > ignored/i.txt";

    const { id } = await world.submit({
      task: `Leave things. [[scenario:run command="${command}"]]`,
      repo_url: repo.path,
    });
    const job = await world.ended(id);

    expect(job).toMatchObject({ status: "succeeded", diff: { files: 1, insertions: 1, deletions: 0 } });
    const branch = String(job["branch"]);
    expect(git("diff", "--name-only", "main", branch)).toBe("left.txt");
    expect(git("log", "-1", "--format=%an <%ae>", branch)).toBe("Sample Person <sample@example.com>");
    const warned = (job["warnings"] as string[]).join("\n");
    expect(warned).toContain(".env.local");
    expect(warned).toContain("server.pem");
    expect(warned).not.toContain("ignored");
    expect(git("status", "--porcelain")).toBe("M README.md\n?? mine.txt");
    expect(git("rev-parse", "--abbrev-ref", "HEAD")).toBe("main");
    expect(readFileSync(join(repo.path, "README.md"), "utf8")).toBe("# Changed by the person\n");
  });

  test("a tool that the profile does not allow is denied: the job succeeds all the same, and says so", async () => {
    await using repo = await sampleRepo();
    const task = "Write. [[scenario:leave-uncommitted file=no.txt]]";
    const { id } = await world.submit({ task, repo_url: repo.path, profile: "reader" });
    const job = await world.ended(id);

    expect(job).toMatchObject({ status: "succeeded", exit_code: 0 });
    expect(job["warnings"]).toEqual(["The profile's permissions denied Write once."]);
    expect(job["commit"]).toBeUndefined();
    expect(gitIn(repo.path)("branch", "--list", "agenticore-*")).toBe("");
    expect((await world.events(id)).map(({ type }) => type)).toContain("permission.denied");
  });

  test("the profile review can neither write nor run commands", async () => {
    await using repo = await sampleRepo();
    const work = { repo_url: repo.path, profile: "review" };
    const written = await world.submit({ ...work, task: "Write. [[scenario:leave-uncommitted file=no.txt]]" });
    const ran = await world.submit({ ...work, task: 'Run. [[scenario:run command="touch no.txt"]]' });
    const jobs = [await world.ended(written.id), await world.ended(ran.id)];

    for (const job of jobs) {
      expect(job["status"]).toBe("succeeded");
      expect(job["diff"]).toBeUndefined();
    }
    const outputs = (await world.events(written.id)).filter(({ type }) => type === "tool.ended");
    expect(outputs).toMatchObject([{ data: { is_error: true } }]);
    expect(gitIn(repo.path)("branch", "--list", "agenticore-*")).toBe("");
    expect(existsSync(join(repo.path, "no.txt"))).toBe(false);
  });

  test("a profile of the person's own ends Claude at its number of turns: max_turns, with the session to go on", async () => {
    const { id } = await world.submit({ task: "Go. [[scenario:many-turns turns=5]]", profile: "two-turns" });
    const job = await world.ended(id);

    expect(job).toMatchObject({ status: "failed", error_code: "max_turns", result: { subtype: "error_max_turns" } });
    expect(job["error"]).toContain("2");
    expect(job["remedy"]).toMatch(/max_turns.*session_id/);
    expect(job["session_id"]).toBeDefined();
  });

  test("a job over its budget fails as budget_exceeded, with what it cost", async () => {
    const task = "Go. [[scenario:many-turns turns=30]] [[usage:in=10000,out=5000]]";
    const { id } = await world.submit({ task, max_budget_usd: 0.2 });
    const job = await world.ended(id);

    expect(job).toMatchObject({ status: "failed", error_code: "budget_exceeded" });
    expect(Number(job["cost_usd"])).toBeGreaterThan(0.2);
    expect(Number(job["cost_usd"])).toBeLessThan(1);
    const asked = world.model.requests().filter(({ session }) => session === job["session_id"]).length;
    expect(job["usage"]).toMatchObject({ input_tokens: asked * 10_000, output_tokens: asked * 5_000 });
  });

  test("a refused key is claude_not_logged_in, and says what to do", async () => {
    const { id } = await world.submit({ task: "Go. [[scenario:unauthorized]]" });
    const job = await world.ended(id);

    expect(job).toMatchObject({ status: "failed", error_code: "claude_not_logged_in", attempt: 1 });
    expect(job["remedy"]).toMatch(/claude setup-token/);
  });

  test("a refusal of the model and an empty account are told in Claude's words", async () => {
    const refused = await world.submit({ task: "Go. [[scenario:refusal]]" });
    const empty = await world.submit({ task: "Go. [[scenario:credit-too-low]]" });

    expect(await world.ended(refused.id)).toMatchObject({ status: "failed", error_code: "claude_failed" });
    const job = await world.ended(empty.id);
    expect(job).toMatchObject({ status: "failed", error_code: "claude_failed" });
    expect(job["error"]).toMatch(/credit balance/i);
    expect(job["remedy"]).toContain("Add credit");
  });

  test("W-59: an answer of a megabyte is kept from both ends, with a mark in the middle", async () => {
    const { id } = await world.submit({ task: "Go. [[scenario:big bytes=1000000]]" });
    const job = await world.ended(id);

    expect(job["status"]).toBe("succeeded");
    const output = String(job["output"]);
    expect(Buffer.byteLength(output)).toBeLessThanOrEqual(256 * 1024 + 200);
    expect(output).toMatch(/^000000000 /);
    expect(output.trimEnd()).toMatch(/000009999 x+$/);
  });
});

test("afterwards nothing of all these jobs is alive or on the disk", () => {
  expect(world.jobProcesses()).toEqual([]);
  expect(world.remains()).toEqual([]);
});
