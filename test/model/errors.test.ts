import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ClaudeEvent } from "../support/claude-cli.ts";
import { openDesk } from "../support/desk.ts";
import { type Model, startModel } from "../support/model/start-model.ts";

let model: Model;
beforeAll(async () => {
  model = await startModel();
});
afterAll(() => model[Symbol.asyncDispose]());

const repliesTo = (session: string) =>
  model.requests().flatMap((request) => (request.session === session ? [request.reply] : []));
const oneRetry = { env: { CLAUDE_CODE_MAX_RETRIES: "1" } };

describe.concurrent("the real CLI, where the scripted model fails,", { timeout: 40_000 }, () => {
  test("tries again after two 429 and then does the work", async () => {
    await using desk = openDesk(model.url);
    const run = await desk.run("Go [[scenario:rate-limited failures=2 at=1 then=write-commit]]");
    expect(run.result).toMatchObject({ subtype: "success", is_error: false });
    const retries = run.events().filter((event) => event.subtype === "api_retry");
    expect(retries).toMatchObject([{ error_status: 429 }, { error_status: 429 }]);
    expect(desk.git("log", "-1", "--format=%s")).toBe("feat: add hello.txt\n");
  });

  test.each([
    ["unauthorized", 401],
    ["overloaded", 529],
    ["server-error", 500],
    ["rate-limited", 429],
  ])("gives up on %s, with the status %i in an erroneous result", async (scenario, status) => {
    await using desk = openDesk(model.url);
    const run = await desk.run(`Go [[scenario:${scenario}]]`, oneRetry);
    expect(run.code).toBe(1);
    expect(run.result).toMatchObject({ subtype: "success", is_error: true, api_error_status: status });
    expect(repliesTo(run.session)).toEqual([`error ${status}`, `error ${status}`]);
  });

  test("says that a request was invalid", async () => {
    await using desk = openDesk(model.url);
    const run = await desk.run("Go [[scenario:invalid]]");
    expect(run.code).toBe(1);
    expect(run.result).toMatchObject({ is_error: true, api_error_status: 400 });
  });

  test("tells a subscriber when the usage limit ends, and goes on in the same session after it", async () => {
    await using desk = openDesk(model.url);
    const env = { ANTHROPIC_API_KEY: "", CLAUDE_CODE_OAUTH_TOKEN: "scripted" };
    const task = "Go [[scenario:usage-limit resets=1800 until=limit then=write-commit]]";
    const run = await desk.run(task, { env });
    expect(run.result).toMatchObject({ is_error: true, api_error_status: 429 });
    const limit = run.events().find(({ type }) => type === "rate_limit_event")?.["rate_limit_info"] as ClaudeEvent;
    expect(limit).toMatchObject({ status: "rejected", rateLimitType: "five_hour" });
    expect(Number(limit["resetsAt"]) - Date.now() / 1_000).toBeLessThan(1_801);

    model.release("limit");
    const again = await desk.run("Go on.", { env, resume: run.session });

    expect(again.result).toMatchObject({ subtype: "success", is_error: false });
    expect(desk.git("log", "-1", "--format=%s")).toBe("feat: add hello.txt\n");
    expect(model.requests().find(({ session }) => session === run.session)?.key).toBe("bearer");
  });

  test.each(["reset", "end", "event"])("asks again when a stream is cut by %s", async (how) => {
    await using desk = openDesk(model.url);
    const run = await desk.run(`Go [[scenario:cut how=${how}]]`);
    expect(run.code).toBe(0);
    expect(run.result).toMatchObject({ is_error: false, result: "Hello from the scripted model." });
    expect(repliesTo(run.session)).toEqual([`cut ${how}`, "text"]);
  });

  test("waits for a stream that stalls, and ends with it", async () => {
    await using desk = openDesk(model.url);
    const run = desk.start();
    run.send("Go [[scenario:stall until=stalled]]");
    const request = await model.waitFor(({ session }) => session === run.session);
    expect(request).toMatchObject({ reply: "stall", state: "open" });
    model.release("stalled");
    expect(await run.waitFor(({ type }) => type === "result")).toMatchObject({ result: "This stalls" });
    run.end();
    await run.ended;
  });

  test("reads a text that comes slowly", async () => {
    await using desk = openDesk(model.url);
    const run = await desk.run("Go [[scenario:slow-text pieces=5 every=50]]", { args: ["--include-partial-messages"] });
    expect(run.events().filter(({ type }) => type === "stream_event").length).toBeGreaterThan(5);
    expect(run.result?.["result"]).toBe("slowly... ".repeat(5));
  });
});
