import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { ClaudeMessage } from "../../runner/claude/messages.ts";
import { fileContains } from "../../runner/claude/transcript-copy.ts";
import { keepTranscript, layOutTranscript } from "../../runner/claude/transcripts.ts";
import { type Metered, startUsageReceiver } from "../../runner/claude/usage-receiver.ts";
import { type Driven, type DriveOptions, drive } from "../runner/claude/drive.ts";
import { aMessage } from "../support/a-job.ts";
import { type Desk, openDesk } from "../support/desk.ts";
import { type Model, startModel } from "../support/model/start-model.ts";

let model: Model;
beforeAll(async () => {
  model = await startModel();
});
afterAll(() => model[Symbol.asyncDispose]());

const run = async (task: string, options: DriveOptions = {}): Promise<Driven & { desk: Desk }> => {
  const desk = openDesk(model.url);
  try {
    return { ...(await drive({ desk, url: model.url }, task, options)), desk };
  } finally {
    await desk[Symbol.asyncDispose]();
  }
};
const types = ({ events }: Driven) => events.map(({ type }) => type);
const startsTool = (message: ClaudeMessage): boolean =>
  message.type === "assistant" && message.message.content.some(({ type }) => type === "tool_use");
/** Does it once, at the first message that fits. */
const once = (fits: (message: ClaudeMessage) => boolean, act: (...args: Parameters<Reaction>) => void): Reaction => {
  let done = false;
  return (message, hand) => {
    if (done || !fits(message)) return;
    done = true;
    act(message, hand);
  };
};
const transcript = (desk: Desk, session: string): string =>
  join(desk.home, "run/claude/projects", desk.repo.replace(/[^A-Za-z0-9]/g, "-"), `${session}.jsonl`);
type Reaction = NonNullable<DriveOptions["react"]>;

describe.concurrent("how a run can end", () => {
  test("the limit of turns", async () => {
    const ended = await run("Go. [[scenario:many-turns turns=9]]", { claude: { max_turns: 2 } });
    expect(ended.exit.code).toBe(1);
    expect(ended.judged()).toMatchObject({ status: "failed", error_code: "max_turns" });
  });

  test("the budget, less what earlier attempts spent", async () => {
    const task = "Go. [[scenario:many-turns turns=9]] [[usage:in=20000,out=1000]]";
    const ended = await run(task, { job: { max_budget_usd: 1, cost_usd: 0.85 } });
    const { status, error_code, cost_usd } = ended.judged();
    expect({ status, error_code }).toEqual({ status: "failed", error_code: "budget_exceeded" });
    expect(cost_usd).toBeGreaterThanOrEqual(0.15);
    expect(cost_usd).toBeLessThan(0.35);
  });

  test.each([
    ["unauthorized", "claude_not_logged_in", "none"],
    ["credit-too-low", "claude_failed", "none"],
    ["invalid", "claude_failed", "none"],
    ["refusal", "claude_failed", "none"],
    ["overloaded", "claude_overloaded", "transient"],
    ["server-error", "claude_overloaded", "transient"],
    ["rate-limited", "claude_rate_limited", "waiting"],
  ])("the API for ever says %s: %s, retry %s", async (scenario, error_code, kind) => {
    const ended = await run(`Go. [[scenario:${scenario}]]`);
    expect(ended.judged()).toMatchObject({ status: "failed", error_code, retry: { kind } });
  });

  test("no login at all", async () => {
    const ended = await run("Go.", { env: { ANTHROPIC_API_KEY: "" } });
    expect(ended.judged()).toMatchObject({ status: "failed", error_code: "claude_not_logged_in" });
  });

  test("no connection to the model", async () => {
    const ended = await run("Go.", { env: { ANTHROPIC_BASE_URL: "http://127.0.0.1:1" } });
    expect(ended.judged()).toMatchObject({ error_code: "claude_overloaded", retry: { kind: "transient" } });
  });

  test("a subscription's usage limit: the wait ends when the limit does", async () => {
    const env = { ANTHROPIC_API_KEY: "", CLAUDE_CODE_OAUTH_TOKEN: "sk-ant-oat01-scripted" };
    const before = Date.now();
    const { retry } = (await run("Go. [[scenario:usage-limit resets=7200]]", { env })).judged();
    const wait = retry.kind === "waiting" ? retry.untilMs - before : 0;
    expect(wait).toBeGreaterThan(7_190_000);
    expect(wait).toBeLessThan(7_260_000);
  });

  test("a 429 that passes, and a stream that breaks, are retried and end well", async () => {
    const limited = await run("Go. [[scenario:rate-limited failures=1 then=write-commit]]");
    expect(limited.judged().status).toBe("succeeded");
    expect(types(limited)).toContain("claude.retrying");
    const cut = await run("Go. [[scenario:cut how=reset then=write-commit]]");
    expect(cut.judged()).toMatchObject({ status: "succeeded", output: "Committed hello.txt." });
  });

  test("a task that looks like a flag or a command is only a task", async () => {
    for (const task of ["--help", "/etc/hosts is wrong", "null"]) {
      const ended = await run(task);
      expect(ended.judged()).toMatchObject({ status: "succeeded", output: "Committed SCRIPTED.md." });
    }
  });

  test("a command of Claude's own is done and the run ends", async () => {
    const ended = await run("/cost");
    expect(ended.judged()).toMatchObject({ status: "succeeded", cost_usd: 0 });
  });

  test("killed from outside in mid-work", async () => {
    const kill = once(startsTool, (_, hand) => hand.kill("SIGKILL"));
    const ended = await run("Go. [[scenario:slow]]", { react: kill });
    expect(ended.judged()).toMatchObject({ status: "failed", error: expect.stringContaining("SIGKILL") });
    expect(ended.judged({ stop: "timeout" }).error_code).toBe("timeout");
  });
});

describe("follow-ups", () => {
  test("one that comes while a tool runs is taken up after it, in the same result", async () => {
    const message = aMessage({ text: "Say more. [[scenario:text say=followed]]" });
    const react = once(startsTool, (_, { send }) => send(message));
    const ended = await run("Go. [[scenario:slow beats=5]]", { react });
    expect(ended.judged()).toMatchObject({ status: "succeeded", output: "followed" });
    expect(ended.delivered).toEqual([message.id]);
    expect(ended.messages.filter(({ type }) => type === "result")).toHaveLength(1);
  });

  test("an interrupt ends the running tool first; the job goes on and ends well", async () => {
    const message = aMessage({ text: "Rather this. [[scenario:text say=instead]]", mode: "interrupt" });
    const react = once(startsTool, (_, { send }) => send(message));
    const ended = await run("Go. [[scenario:slow]]", { react });
    expect(ended.judged()).toMatchObject({ status: "succeeded", output: "instead" });
    expect(ended.delivered).toEqual([message.id]);
    expect(ended.messages.filter(({ type }) => type === "result")).toHaveLength(2);
  });

  test("one that comes right after the result gets a turn of its own", async () => {
    const message = aMessage({ text: "And? [[scenario:text say=more]]" });
    const react = once(
      ({ type }) => type === "result",
      (_, { send }) => send(message),
    );
    const ended = await run("Go. [[scenario:text]]", { react });
    expect(ended.judged()).toMatchObject({ status: "succeeded", output: "more", num_turns: 2 });
  });

  test("a subagent in the background is waited for, and the last result counts", async () => {
    const ended = await run("Go. [[scenario:subagent]]", { profileEnv: { CLAUDE_CODE_DISABLE_BACKGROUND_TASKS: "" } });
    expect(ended.judged()).toMatchObject({ status: "succeeded", output: "The subagent has looked." });
    expect(ended.messages.filter(({ type }) => type === "result").length).toBeGreaterThanOrEqual(1);
  });
});

describe.concurrent("a session goes on", () => {
  test("on another attempt: the interrupted work is continued, without the task again, at its own cost", async () => {
    await using desk = openDesk(model.url);
    const sessionId = randomUUID();
    const sessions = join(desk.home, "data/sessions");
    const kill = once(startsTool, (_, hand) => {
      // Claude writes its transcript a little later than its output.
      const written = () => fileContains(transcript(desk, sessionId), '"type":"tool_use"');
      void vi.waitFor(async () => expect(await written()).toBe(true), 60_000).finally(() => hand.kill("SIGKILL"));
    });
    const task = "Add it. [[scenario:slow once=yes]] [[usage:in=20000,out=1000]]";
    const lost = await drive({ desk, url: model.url }, task, { sessionId, react: kill });
    expect(lost.judged().status).toBe("failed");
    expect(await keepTranscript({ configDir: lost.configDir, sessions, sessionId })).toBe(true);
    desk.killAll();

    const prepare = async (configDir: string) => {
      expect(await layOutTranscript({ configDir, sessions, sessionId }, desk.repo)).toBe(true);
    };
    const next = await drive({ desk, url: model.url }, task, { sessionId, start: "continue", prepare });
    expect(next.judged().status).toBe("succeeded");
    expect(next.events[0]).toMatchObject({ type: "claude.started", data: { session_id: sessionId, resumed: true } });
    const last = model.requests().findLast(({ session }) => session === sessionId);
    expect(last?.userTexts.filter((text) => text.includes("Add it."))).toHaveLength(1);
    expect(last?.userTexts.join("\n")).toContain("You were interrupted.");
  });

  test("for another job: it knows what was said, and its cost is its own", async () => {
    await using desk = openDesk(model.url);
    const sessionId = randomUUID();
    const sessions = join(desk.home, "data/sessions");
    const usage = "[[usage:in=20000,out=1000]]";
    const first = await drive({ desk, url: model.url }, `First. [[scenario:many-turns turns=3]] ${usage}`, {
      sessionId,
    });
    await keepTranscript({ configDir: first.configDir, sessions, sessionId });
    const prepare = async (configDir: string) => {
      await layOutTranscript({ configDir, sessions, sessionId }, desk.repo);
    };
    const second = await drive({ desk, url: model.url }, `Second. [[scenario:text]] ${usage}`, {
      sessionId,
      start: "resume",
      prepare,
    });
    expect(second.judged().status).toBe("succeeded");
    expect(second.judged().cost_usd).toBeCloseTo(first.judged().cost_usd / 4, 6);
    expect(
      model
        .requests()
        .findLast(({ session }) => session === sessionId)
        ?.userTexts.map((text) => text.split(".")[0]),
    ).toEqual(["First", "Second"]);
  });

  test.each(["system/init", "result"] as const)(
    "a follow-up that the session already has, sent after the %s, is acknowledged and not done twice",
    async (when) => {
      await using desk = openDesk(model.url);
      const sessionId = randomUUID();
      const sessions = join(desk.home, "data/sessions");
      const message = aMessage({ text: "Say more. [[scenario:text say=followed]]" });
      const react = (moment: ClaudeMessage["type"]) =>
        once(
          ({ type }) => type === moment,
          (_, { send }) => send(message),
        );
      const first = await drive({ desk, url: model.url }, "Go. [[scenario:text]]", {
        sessionId,
        react: react("system/init"),
      });
      expect(first.delivered).toEqual([message.id]);
      await keepTranscript({ configDir: first.configDir, sessions, sessionId });
      const prepare = async (configDir: string) => {
        await layOutTranscript({ configDir, sessions, sessionId }, desk.repo);
      };
      const again = await drive({ desk, url: model.url }, "", {
        sessionId,
        start: "continue",
        prepare,
        react: react(when),
      });
      expect(again.judged().status).toBe("succeeded");
      expect(again.delivered).toEqual([message.id]);
      const texts = model.requests().findLast(({ session }) => session === sessionId)?.userTexts ?? [];
      expect(texts.filter((text) => text.includes("Say more."))).toHaveLength(1);
    },
  );

  test("a session that is not there is told as such", async () => {
    const ended = await run("Go.", { start: "resume" });
    expect(ended.judged()).toMatchObject({ status: "failed", error_code: "session_not_found" });
  });
});

test("cost and usage are known while Claude still works, and add up to what its result says", async () => {
  await using receiver = await startUsageReceiver();
  const updates: Metered[] = [];
  let resultSeen = false;
  let early = 0;
  const meter = receiver.meter((total) => {
    updates.push(total);
    if (!resultSeen) early += 1;
  });
  const ended = await run("Go. [[scenario:slow beats=25]] [[usage:in=20000,out=1000]]", {
    usage: meter,
    react: ({ type }) => {
      resultSeen ||= type === "result";
    },
  });
  const { cost_usd, usage } = ended.judged();
  expect(early).toBeGreaterThan(0);
  expect(meter.total().cost_usd).toBeCloseTo(cost_usd, 6);
  expect(meter.total().usage).toEqual(usage);
});
