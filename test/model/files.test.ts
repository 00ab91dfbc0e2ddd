import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openDesk } from "../support/desk.ts";
import { eventually } from "../support/eventually.ts";
import { demoProject, demoTask } from "../support/model/scenarios/demo.ts";
import { type Model, startModel } from "../support/model/start-model.ts";

let model: Model;
beforeAll(async () => {
  model = await startModel();
});
afterAll(() => model[Symbol.asyncDispose]());

describe.concurrent("the real CLI, led by the scripted model,", { timeout: 40_000 }, () => {
  test("answers with a text and ends well", async () => {
    await using desk = openDesk(model.url);
    const run = await desk.run('Say it [[scenario:text say="Good day."]]');
    expect(run.code).toBe(0);
    expect(run.result).toMatchObject({ subtype: "success", is_error: false, result: "Good day.", num_turns: 1 });
  });

  test("writes a file and commits it", async () => {
    await using desk = openDesk(model.url);
    const run = await desk.run(
      'Do it [[scenario:write-commit file=a.txt content="It\'s new" message="feat: it\'s a"]]',
    );
    expect(run.code).toBe(0);
    expect(run.result).toMatchObject({ subtype: "success", is_error: false, result: "Committed a.txt." });
    expect(desk.git("log", "-1", "--format=%s")).toBe("feat: it's a\n");
    expect(desk.git("show", "HEAD:a.txt")).toBe("It's new\n");
    expect(desk.git("status", "--porcelain", "--untracked-files=no")).toBe("");
  });

  test("leaves what it wrote uncommitted", async () => {
    await using desk = openDesk(model.url);
    const run = await desk.run("Do it [[scenario:leave-uncommitted file=left.txt]]");
    expect(run.code).toBe(0);
    expect(desk.git("status", "--porcelain", "left.txt")).toBe("?? left.txt\n");
    expect(desk.git("rev-list", "--count", "HEAD")).toBe("1\n");
  });

  test("writes and commits the task's text when no marker says what to do", async () => {
    await using desk = openDesk(model.url);
    const run = await desk.run("Please add a note");
    expect(run.result).toMatchObject({ subtype: "success", is_error: false });
    expect(desk.git("show", "HEAD:SCRIPTED.md")).toContain("> Please add a note");
  });

  test("works on until a file tells it that it may end, and then commits", async () => {
    await using desk = openDesk(model.url);
    const run = desk.start();
    run.send("Work [[scenario:slow]]");
    const beats = join(desk.repo, "heartbeat.txt");
    await eventually(() => existsSync(beats) && readFileSync(beats, "utf8").includes("beat 2"), {
      what: "two heartbeats",
    });
    desk.touch("released");
    await run.waitFor((event) => event.type === "result");
    run.end();
    expect((await run.ended).code).toBe(0);
    expect(desk.git("show", "HEAD:slow.txt")).toBe("done in the end\n");
  });

  test("adds what the demo asks for, so that the project's own test passes", async () => {
    await using desk = openDesk(model.url);
    for (const [file, content] of Object.entries(demoProject)) writeFileSync(join(desk.repo, file), content);
    desk.git("add", ".");
    desk.git("commit", "-q", "-m", "feat: greet");
    const run = await desk.run(`${demoTask} [[scenario:demo]]`);
    expect(run.result).toMatchObject({ subtype: "success", is_error: false, num_turns: 8 });
    expect(desk.git("status", "--porcelain")).toBe("");
    expect(desk.git("diff", "--stat", "HEAD~1")).toContain("2 files changed");
    const sh = (...args: readonly string[]) => execFileSync("sh", args, { cwd: desk.repo, encoding: "utf8" });
    expect([sh("greet.sh", "--bye", "Ada"), sh("greet.sh"), sh("test.sh")]).toEqual([
      "Goodbye, Ada!\n",
      "Hello, world!\n",
      "all is well\n",
    ]);
  });
});
