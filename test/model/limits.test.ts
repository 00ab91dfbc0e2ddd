import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openDesk } from "../support/desk.ts";
import { type Model, startModel } from "../support/model/start-model.ts";

let model: Model;
beforeAll(async () => {
  model = await startModel();
});
afterAll(() => model[Symbol.asyncDispose]());

describe.concurrent("the real CLI with the scripted model", { timeout: 40_000 }, () => {
  test("stops at its number of turns", async () => {
    await using desk = openDesk(model.url);
    const run = await desk.run("Go [[scenario:many-turns turns=5]]", { args: ["--max-turns", "2"] });
    expect(run.code).toBe(1);
    expect(run.result).toMatchObject({ subtype: "error_max_turns", is_error: true });
    expect(desk.read("turns.txt")).toBe("1\n2\n");
  });

  test("stops when the tokens that the script names have used up the budget", async () => {
    await using desk = openDesk(model.url);
    const task = "Go [[scenario:many-turns turns=9]] [[usage:in=10000,out=5000]]";
    const run = await desk.run(task, { args: ["--max-budget-usd", "0.2"] });
    expect(run.code).toBe(1);
    expect(run.result).toMatchObject({ subtype: "error_max_budget_usd", is_error: true });
    expect(run.result?.["total_cost_usd"]).toBeGreaterThan(0.2);
    const models = Object.values(run.result?.["modelUsage"] ?? {}) as { inputTokens: number; outputTokens: number }[];
    const asked = model.requests().filter(({ session }) => session === run.session).length;
    expect(models).toMatchObject([{ inputTokens: asked * 10_000, outputTokens: asked * 5_000 }]);
  });

  test("is denied a git hook, ends well all the same, and tells of the denial", async () => {
    await using desk = openDesk(model.url);
    const run = await desk.run("Go [[scenario:denied]]");
    expect(run.code).toBe(0);
    expect(run.result).toMatchObject({ subtype: "success", permission_denials: [{ tool_name: "Write" }] });
    expect(existsSync(join(desk.repo, ".git/hooks/pre-commit"))).toBe(false);
  });

  test("is denied a command that the allow list does not name, and may run those it names", async () => {
    await using desk = openDesk(model.url);
    const permissions = ["--permission-mode", "acceptEdits", "--allowedTools", "Bash(git add:*)", "Bash(git commit:*)"];
    const denied = await desk.run('Go [[scenario:denied command="touch denied.txt; git push"]]', { permissions });
    const allowed = await desk.run("Go [[scenario:write-commit]]", { permissions });
    expect(denied.result).toMatchObject({ subtype: "success", permission_denials: [{ tool_name: "Bash" }] });
    expect(existsSync(join(desk.repo, "denied.txt"))).toBe(false);
    expect(allowed.result).toMatchObject({ permission_denials: [] });
    expect(desk.git("log", "-1", "--format=%s")).toBe("feat: add hello.txt\n");
  });

  test("hands work to a subagent, whose answer is part of the cost", async () => {
    await using desk = openDesk(model.url);
    const run = await desk.run("Go [[scenario:subagent]]", { args: ["--allowedTools", "Agent"] });
    expect(run.result).toMatchObject({ subtype: "success", result: "The subagent has looked." });
    expect(Object.values(run.result?.["modelUsage"] ?? {})).toMatchObject([{ inputTokens: 3_000 }]);
  });

  test("thinks before it answers, and the thought is no part of the result", async () => {
    await using desk = openDesk(model.url);
    const run = await desk.run("Go [[scenario:thinking think=hidden say=seen]]");
    const said = run.events().filter(({ type }) => type === "assistant");
    expect(JSON.stringify(said[0])).toContain('"thinking":"hidden"');
    expect(run.result).toMatchObject({ subtype: "success", result: "seen" });
  });

  test("prints a text of a megabyte whole", async () => {
    await using desk = openDesk(model.url);
    const run = await desk.run("Go [[scenario:big bytes=1000000]]");
    expect(String(run.result?.["result"])).toHaveLength(1_000_000);
  });
});
