import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ClaudeEvent } from "../support/claude-cli.ts";
import { type Desk, openDesk } from "../support/desk.ts";
import { eventually } from "../support/eventually.ts";
import { type Model, startModel } from "../support/model/start-model.ts";

let model: Model;
beforeAll(async () => {
  model = await startModel();
});
afterAll(() => model[Symbol.asyncDispose]());

const interrupted = "You were interrupted. Check the state of the work and continue.";
const isResult = (event: ClaudeEvent) => event.type === "result";
const linesOf = (desk: Desk, file: string) => {
  const path = join(desk.repo, file);
  return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n").length : 0;
};
const stepsOf = (session: string) =>
  model
    .requests()
    .filter((request) => request.session === session)
    .map(({ step, reply }) => `${step} ${reply}`);

describe.concurrent("a session of the real CLI with the scripted model", { timeout: 40_000 }, () => {
  test("goes on after SIGKILL between two steps and repeats neither a step nor the task", async () => {
    await using desk = openDesk(model.url);
    const run = desk.start();
    run.send("Do it [[scenario:write-commit]] [[hold:between@2]]");
    await model.waitFor((request) => request.session === run.session && request.step === 2);
    // The CLI writes its transcript a little later: what is not in it is not known after a kill.
    await eventually(() => desk.transcript(run.session).split('"tool_result"').length > 2, {
      what: "two results in the transcript",
    });
    run.kill("SIGKILL");
    expect(await run.ended).toMatchObject({ signal: "SIGKILL" });
    model.release("between");

    const again = await desk.run(interrupted, { resume: run.session });

    expect(again.result).toMatchObject({ subtype: "success", is_error: false });
    expect(desk.git("log", "--format=%s")).toBe("feat: add hello.txt\ndocs: begin\n");
    expect(stepsOf(run.session)).toEqual(["0 tool Write", "1 tool Bash", "2 tool Bash", "2 tool Bash", "3 text"]);
    const last = model.requests().findLast(({ session }) => session === run.session);
    expect(last?.userTexts).toEqual(["Do it [[scenario:write-commit]] [[hold:between@2]]", interrupted]);
  });

  test("does a tool again that SIGKILL cut short, and leaves its processes behind at the kill", async () => {
    await using desk = openDesk(model.url);
    const run = desk.start();
    run.send("Work [[scenario:slow once=yes]]");
    await eventually(() => linesOf(desk, "heartbeat.txt") > 1, { what: "a heartbeat" });
    run.kill("SIGKILL");
    await run.ended;
    expect(desk.processes().length).toBeGreaterThan(0);
    desk.killAll();

    const again = await desk.run(interrupted, { resume: run.session });

    expect(again.result).toMatchObject({ subtype: "success", is_error: false });
    expect(stepsOf(run.session).slice(0, 3)).toEqual(["0 tool Bash", "0 tool Bash", "1 tool Write"]);
    expect(desk.git("log", "--format=%s")).toBe("feat: add slow.txt\ndocs: begin\n");
  });

  test("starts a daemon that outlives the CLI", async () => {
    await using desk = openDesk(model.url);
    const run = desk.start();
    run.send("Work [[scenario:detached-child]]");
    await eventually(() => linesOf(desk, "daemon.txt") > 0, { what: "the daemon" });
    run.interrupt();
    await run.waitFor(isResult);
    run.end();
    await run.ended;

    const before = linesOf(desk, "daemon.txt");
    await eventually(() => linesOf(desk, "daemon.txt") > before, { what: "more of the daemon" });
    const pid = Number(readFileSync(join(desk.repo, "daemon.pid"), "utf8"));
    expect(desk.processes()).toContain(pid);
  });

  test("is interrupted in mid-tool, and then does what the next message says", async () => {
    await using desk = openDesk(model.url);
    const run = desk.start();
    run.send("Work [[scenario:slow]]");
    await eventually(() => linesOf(desk, "heartbeat.txt") > 0, { what: "a heartbeat" });
    run.interrupt();
    expect(await run.waitFor(isResult)).toMatchObject({
      subtype: "error_during_execution",
      terminal_reason: "aborted_tools",
    });

    run.send("Something else [[scenario:text say=else]]");
    await run.waitFor((event) => isResult(event) && event["is_error"] === false);
    run.end();

    expect(await run.ended).toMatchObject({ code: 0, result: { result: "else" } });
  });

  test("takes up a follow-up sent while it is busy, in the same turn", async () => {
    await using desk = openDesk(model.url);
    const run = desk.start();
    run.send("Go [[scenario:many-turns turns=2]] [[hold:follow-up@1]]");
    await model.waitFor((request) => request.session === run.session && request.step === 1);
    const id = run.send("Mind the docs.\n\nAll of them.");
    // A control answer shows that all lines before it were read.
    run.interrogate();
    await run.waitFor((event) => event.type === "control_response");
    model.release("follow-up");

    await run.waitFor((event) => event["uuid"] === id && event["isReplay"] === true);
    await run.waitFor(isResult);
    run.end();

    const { code, result } = await run.ended;
    expect(code).toBe(0);
    expect(result?.["result"]).toBe("Took 2 turns.\n\nHeard: Mind the docs.\n\nAll of them.");
    expect(run.events().filter(isResult)).toHaveLength(1);
  });
});
