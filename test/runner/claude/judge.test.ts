import { describe, expect, test } from "vitest";
import { type Evidence, judge, maxOutputBytes, maxTransientTries, type Verdict } from "../../../runner/claude/judge.ts";
import { noUsage } from "../../../runner/claude/usage.ts";
import { apiError, init, modelUsage, read, replay, result, said, system } from "./stream-lines.ts";

const now = Date.parse("2026-01-01T12:00:00Z");
const minutes = 60_000;

function verdict(lines: readonly string[], more: Partial<Evidence> = {}): Verdict {
  const exit = { code: lines.some((line) => line.includes('"is_error":true')) ? 1 : 0, signal: null };
  const { session } = read(lines);
  return judge({ session, exit, stderr: "", transientTries: 0, nowMs: now, redact: (text) => text, ...more });
}

const fine = [init(), replay(), said("Done."), result()];
const limitEvent = (rate_limit_info: object): string => JSON.stringify({ type: "rate_limit_event", rate_limit_info });

describe("Claude ended by itself", () => {
  test("a result without error and exit code 0 is a success, with output, cost and usage", () => {
    expect(verdict(fine)).toEqual({
      status: "succeeded",
      warnings: [],
      checks: [],
      output: "Done.",
      exit_code: 0,
      cost_usd: 0.5,
      usage: { ...noUsage, input_tokens: 100, output_tokens: 10 },
      num_turns: 1,
      result: {
        subtype: "success",
        is_error: false,
        num_turns: 1,
        duration_ms: 10,
        usage: { ...noUsage, input_tokens: 100, output_tokens: 10 },
        models: ["claude-x"],
      },
      retry: { kind: "none" },
    });
  });

  test("denied tools leave a success, with a sentence for each tool", () => {
    const denied = (tool_name: string, tool_use_id: string) => ({ tool_name, tool_use_id });
    const permission_denials = [denied("Bash", "1"), denied("Bash", "2"), denied("Write", "3")];
    expect(verdict([init(), replay(), result({ permission_denials })])).toMatchObject({
      status: "succeeded",
      warnings: ["The profile's permissions denied Bash 2 times.", "The profile's permissions denied Write once."],
    });
  });

  test("an MCP server that did not start is a warning", () => {
    const servers = [
      { name: "good", status: "connected" },
      { name: "bad", status: "failed" },
    ];
    expect(verdict([init({ mcp_servers: servers }), replay(), result()]).warnings).toEqual([
      "The MCP server bad did not start.",
    ]);
  });

  test("of several results the last one counts", () => {
    const interrupted = result({ subtype: "error_during_execution", is_error: true, result: undefined });
    expect(verdict([init(), replay(), interrupted, result()], { exit: { code: 0, signal: null } }).status).toBe(
      "succeeded",
    );
    expect(verdict([init(), replay(), result(), interrupted]).status).toBe("failed");
  });

  test.each([
    ["error_max_turns", "Reached maximum number of turns (2)", "max_turns"],
    ["error_max_budget_usd", "Reached maximum budget ($0.2)", "budget_exceeded"],
    ["error_max_structured_output_retries", "never valid", "claude_failed"],
    ["error_during_execution", "No conversation found with session ID: x", "session_not_found"],
    ["error_during_execution", "something broke", "claude_failed"],
    ["error_of_the_future", "who knows", "claude_failed"],
  ])("%s (%s) fails as %s", (subtype, error, code) => {
    const judged = verdict([init(), replay(), result({ subtype, is_error: true, result: undefined, errors: [error] })]);
    expect(judged).toMatchObject({ status: "failed", error_code: code, retry: { kind: "none" } });
    expect(judged.remedy).toBeTruthy();
    expect(judged.draft ?? false).toBe(code === "budget_exceeded"); // its work is handed over
    if (code !== "session_not_found") expect(judged.error).toContain(error);
  });

  test.each([
    {
      kind: "authentication_failed",
      status: null,
      text: "Not logged in · Please run /login",
      code: "claude_not_logged_in",
    },
    { kind: "authentication_failed", status: 401, text: "Invalid API key", code: "claude_not_logged_in" },
    { kind: "unknown", status: 403, text: "Forbidden", code: "claude_not_logged_in" },
    { kind: "billing_error", status: 400, text: "Credit balance is too low", code: "claude_failed" },
    { kind: "unknown", status: 400, text: "API Error: 400 bad request", code: "claude_failed" },
    { kind: "model_not_found", status: 404, text: "There is no such model", code: "claude_failed" },
  ])("an API that answers $kind $status is a failure that is not tried again", ({ kind, status, text, code }) => {
    const judged = verdict(apiError(kind, status, text));
    expect(judged).toMatchObject({ status: "failed", error_code: code, retry: { kind: "none" } });
    expect(judged.error).toContain(text);
  });

  test("low credit says to add credit, an unknown model says where the name comes from", () => {
    expect(verdict(apiError("billing_error", 400, "Credit balance is too low")).remedy).toContain("Add credit");
    expect(verdict(apiError("model_not_found", 404, "no such model")).remedy).toContain("model");
  });

  test("a refusal of the model is told as one", () => {
    const refused = [init(), replay(), result({ is_error: true, stop_reason: "refusal", result: "No." })];
    expect(verdict(refused)).toMatchObject({
      status: "failed",
      error_code: "claude_failed",
      error: expect.stringMatching(/refused/),
    });
  });
});

describe("the model's service is not well", () => {
  test.each([
    ["overloaded", 529],
    ["server_error", 529],
    ["server_error", 500],
    ["server_error", null],
    ["unknown", null],
  ])("%s %s is tried again after 30 s, doubling to 10 minutes", (error, status) => {
    const delays = [0, 1, 2, 3, 4, 5, 6].map((transientTries) => {
      const { retry, error_code } = verdict(apiError(error, status, "away"), { transientTries });
      expect(error_code).toBe("claude_overloaded");
      return retry.kind === "transient" && retry.delayMs / 1000;
    });
    expect(delays).toEqual([30, 60, 120, 240, 480, 600, 600]);
  });

  test("after the last try it is a failure", () => {
    const judged = verdict(apiError("overloaded", 529, "away"), { transientTries: maxTransientTries });
    expect(judged).toMatchObject({ status: "failed", error_code: "claude_overloaded", retry: { kind: "none" } });
  });

  test("a usage limit waits until the time that Claude names", () => {
    const until = now + 90 * minutes;
    const limit = limitEvent({ status: "rejected", resetsAt: until / 1000, rateLimitType: "five_hour" });
    const judged = verdict([init(), limit, ...apiError("rate_limit", 429, "You've hit your limit").slice(1)]);
    expect(judged).toMatchObject({
      error_code: "claude_rate_limited",
      retry: { kind: "waiting", reason: "usage_limit", untilMs: until },
    });
  });

  test("an older Claude names the time in its text", () => {
    const until = now + 30 * minutes;
    const judged = verdict(apiError("rate_limit", 429, `Claude AI usage limit reached|${until / 1000}`));
    expect(judged.retry).toMatchObject({ untilMs: until });
  });

  test("a limit without a time is asked again after a minute, doubling to an hour", () => {
    const waits = [0, 1, 2, 9].map((transientTries) => {
      const { retry } = verdict(apiError("rate_limit", 429, "Too many requests"), { transientTries });
      return retry.kind === "waiting" && (retry.untilMs - now) / minutes;
    });
    expect(waits).toEqual([1, 2, 4, 60]);
  });

  test("a warning about a limit that still allows requests is no reason to wait for its end", () => {
    const limit = limitEvent({ status: "allowed_warning", resetsAt: (now + 600 * minutes) / 1000 });
    const judged = verdict([init(), limit, ...apiError("rate_limit", 429, "Too many requests").slice(1)]);
    expect(judged.retry).toMatchObject({ untilMs: now + minutes });
  });

  test("nobody waits longer than 24 hours for a limit to end", () => {
    const limited = (resetsAt: number, limitedSinceMs: number) =>
      verdict(
        [
          init(),
          limitEvent({ status: "rejected", resetsAt: resetsAt / 1000 }),
          ...apiError("rate_limit", 429, "limit").slice(1),
        ],
        { limitedSinceMs },
      );
    const day = 24 * 60 * minutes;
    expect(limited(now + 9 * day, now - 60 * minutes).retry).toMatchObject({ untilMs: now + 23 * 60 * minutes });
    expect(limited(now + minutes, now - day)).toMatchObject({
      status: "failed",
      error_code: "claude_rate_limited",
      retry: { kind: "none" },
    });
  });
});

describe("Claude ended without a result", () => {
  const at = (code: number | null, signal: string | null = null) => ({ exit: { code, signal } });

  test("it wrote nothing", () => {
    const judged = verdict([], { ...at(0), stderr: "" });
    expect(judged).toMatchObject({
      status: "failed",
      error_code: "claude_failed",
      error: expect.stringMatching(/wrote nothing/),
    });
  });

  test("it wrote only what is not its format", () => {
    expect(verdict(["hello", "\u0001\u0002", "", "{}"], at(0))).toMatchObject({
      status: "failed",
      error: expect.stringMatching(/3 lines that are not its stream format/),
      remedy: expect.stringMatching(/AGENTICORE_CLAUDE_BINARY/),
    });
  });

  test("it ended in mid-work: stderr's last lines are told", () => {
    const judged = verdict([init(), replay(), said("I beg")], { ...at(3), stderr: "one\ntwo\nthree\nfour\n" });
    expect(judged).toMatchObject({ status: "failed", error_code: "claude_failed", output: "I beg" });
    expect(judged.error).toBe("Claude ended with exit code 3 in mid-work, without a result: two | three | four");
  });

  test("it was killed from outside", () => {
    const judged = verdict([init(), replay()], at(null, "SIGKILL"));
    expect(judged).toMatchObject({
      status: "failed",
      error: expect.stringMatching(/SIGKILL/),
      remedy: expect.stringMatching(/memory/),
    });
    expect(judged).not.toHaveProperty("exit_code");
  });

  test.each([
    ["No conversation found with session ID: x", "session_not_found"],
    ["Error: Session ID x is already in use.", "session_in_use"],
    ["ENOSPC: no space left on device, write", "disk_full"],
  ])("its stderr says %s", (stderr, error_code) => {
    expect(verdict([], { ...at(1), stderr })).toMatchObject({ status: "failed", error_code });
  });

  test("it refuses to skip permissions as root: the remedy says what to do", () => {
    const stderr = "--dangerously-skip-permissions cannot be used with root/sudo privileges for security reasons";
    expect(verdict([], { ...at(1), stderr }).remedy).toContain("IS_SANDBOX=1");
  });

  test("what the receiver counted is all that is known of the cost", () => {
    const metered = { cost_usd: 0.7, usage: { ...noUsage, input_tokens: 9 } };
    expect(verdict([init(), replay()], { ...at(1), metered })).toMatchObject(metered);
  });
});

describe("exit code and result disagree", () => {
  test("W-13: an error with exit code 0 is a failure", () => {
    const lines = [init(), replay(), result({ is_error: true, result: "API Error: 400 no" })];
    expect(verdict(lines, { exit: { code: 0, signal: null } })).toMatchObject({ status: "failed" });
  });

  test("a success whose conversation did not fit on the disk is disk_full", () => {
    const stderr = "Error: Claude Code could not save all of this session's transcript: the disk is full (ENOSPC).";
    expect(verdict(fine, { exit: { code: 1, signal: null }, stderr })).toMatchObject({
      status: "failed",
      error_code: "disk_full",
      error: expect.stringContaining("could not save"),
    });
  });

  test("a success with another exit code is a failure", () => {
    const judged = verdict(fine, { exit: { code: 7, signal: null }, stderr: "crash at exit" });
    expect(judged).toMatchObject({
      status: "failed",
      error: expect.stringMatching(/success and then ended with exit code 7: crash at exit/),
    });
  });
});

describe("the runner ended Claude", () => {
  const killed = { exit: { code: 143, signal: null } };

  test.each([
    ["timeout", "timeout"],
    ["output-limit", "output_limit"],
    ["budget", "budget_exceeded"],
    ["stalled", "stalled"],
  ] as const)("%s is a failure with its own code", (stop, error_code) => {
    const judged = verdict([init(), replay()], { ...killed, stop });
    expect(judged).toMatchObject({ status: "failed", error_code, retry: { kind: "none" } });
    expect(judged.error).toBeTruthy();
    expect(judged.remedy).toBeTruthy();
  });

  test("a cancelled job is cancelled, even where Claude had just finished", () => {
    expect(verdict([init()], { ...killed, stop: "cancelled" })).toMatchObject({
      status: "cancelled",
      error_code: "cancelled",
    });
    expect(verdict(fine, { stop: "cancelled" }).status).toBe("cancelled");
  });

  test("a drain gives the job back, but work that is finished counts", () => {
    expect(verdict([init(), replay()], { ...killed, stop: "drain" }).status).toBe("given-back");
    expect(verdict(fine, { stop: "drain" }).status).toBe("succeeded");
  });

  test("whoever lost the lease says nothing, even where Claude had just finished", () => {
    expect(verdict(fine, { stop: "lease-lost" }).status).toBe("given-back");
  });

  test("a deadline that comes as Claude ends with success does not undo it", () => {
    expect(verdict(fine, { stop: "timeout" }).status).toBe("succeeded");
  });

  test("a Claude that had finished and would not exit has succeeded", () => {
    expect(verdict(fine, { ...killed, stop: "lingered" }).status).toBe("succeeded");
    expect(verdict([init(), replay()], { ...killed, stop: "lingered" }).status).toBe("failed");
  });

  test("a turn that was cut off after a result counts in the cost", () => {
    const metered = { cost_usd: 0.9, usage: { ...noUsage, input_tokens: 200 } };
    expect(verdict(fine, { ...killed, stop: "timeout", metered })).toMatchObject(metered);
    expect(verdict(fine, { metered }).cost_usd).toBe(0.5);
  });
});

describe("what is told leaves the box clean and small", () => {
  test("a long output is cut in the middle, with its size told", () => {
    const long = `begin ${"ä".repeat(400_000)} end`;
    const { output = "" } = verdict([init(), replay(), result({ result: long })]);
    expect(Buffer.byteLength(output)).toBeLessThanOrEqual(maxOutputBytes);
    expect(output).toMatch(/^begin ä+\n… \[\d+ bytes left out\] …\nä+ end$/);
  });

  test("secrets are redacted in output, error and warnings", () => {
    const redact = (text: string) => text.replaceAll("hunter2", "***");
    const lines = [
      init({ mcp_servers: [{ name: "hunter2", status: "failed" }] }),
      replay(),
      said("hunter2", { error: "unknown" }),
      result({ is_error: true, api_error_status: 400, result: "bad hunter2" }),
    ];
    expect(JSON.stringify(verdict(lines, { redact }))).not.toContain("hunter2");
  });

  test("usage is the sum over models, subagents and all", () => {
    const models = { a: modelUsage(1, 2), b: modelUsage(10, 20) };
    expect(verdict([init(), replay(), result({ modelUsage: models })]).usage).toEqual({
      ...noUsage,
      input_tokens: 11,
      output_tokens: 22,
    });
  });

  test("ten thousand denials are one sentence, and quick to count", () => {
    const storm = Array.from({ length: 10_000 }, (_, i) =>
      system("permission_denied", { tool_name: "Bash", tool_use_id: `t${i}` }),
    );
    expect(verdict([init(), replay(), ...storm, result()]).warnings).toHaveLength(1);
  });
});
