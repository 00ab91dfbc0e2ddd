import { expect, test } from "vitest";
import { readMessage } from "../../../runner/claude/messages.ts";
import { closing, mayClose, onFollowUp, onMessage, openSession } from "../../../runner/claude/session.ts";
import type { Session } from "../../../runner/claude/session-state.ts";
import type { Message } from "../../../shared/job.ts";
import { redactor } from "../../../shared/redact.ts";
import {
  answered,
  blocks,
  firstMessage,
  init,
  lifecycle,
  modelUsage,
  read,
  replay,
  result,
  said,
  system,
  used,
} from "./stream-lines.ts";

const followUp = (mode: Message["mode"] = "queue"): Message => ({
  id: "00000000-0000-4000-8000-000000000002",
  text: "And the tests.",
  mode,
  at: "2026-01-01T00:00:00.000Z",
});
const after = (session: Session, ...lines: readonly string[]): Session =>
  lines.reduce((now, line) => onMessage(now, readMessage(line), String).session, session);
const fresh = () => openSession({ messageId: firstMessage, pid: 7, resumed: false });

test("a turn is told as it happens", () => {
  const { events } = read([
    init(),
    replay(),
    said("I'll look."),
    used("Bash", { command: "ls" }),
    answered("a.txt"),
    said("Done."),
    result(),
  ]);
  expect(events).toEqual([
    { type: "claude.started", data: { session_id: "s", pid: 7, resumed: false, model: "claude-x" } },
    { type: "claude.said", data: { text: "I'll look." } },
    { type: "tool.started", data: { tool: "Bash", tool_use_id: "toolu_1", input: '{"command":"ls"}' } },
    { type: "tool.ended", data: { tool_use_id: "toolu_1", is_error: false, output: "a.txt" } },
    { type: "claude.said", data: { text: "Done." } },
  ]);
});

test("a second turn of the same process is not a second start", () => {
  const { events } = read([init(), replay(), result(), init(), said("More."), result()]);
  expect(events.filter(({ type }) => type === "claude.started")).toHaveLength(1);
});

test("a retry of the API is told with its status; a lost connection has none", () => {
  const retry = (error_status: number | null) =>
    system("api_retry", { attempt: 1, max_retries: 3, retry_delay_ms: 500, error_status, error: "overloaded" });
  const { events } = read([init(), retry(529), retry(null)]);
  expect(events.slice(1)).toEqual([
    { type: "claude.retrying", data: { attempt: 1, status: 529, error: "overloaded", delay_ms: 500 } },
    { type: "claude.retrying", data: { attempt: 1, status: null, error: "overloaded", delay_ms: 500 } },
  ]);
});

test("a denied tool is told once, whether Claude tells it at once or only at the end", () => {
  const denial = { tool_name: "Bash", tool_use_id: "toolu_9" };
  const told = { type: "permission.denied", data: { tool: "Bash", tool_use_id: "toolu_9" } };
  const early = read([init(), system("permission_denied", denial), result({ permission_denials: [denial] })]).events;
  const late = read([init(), result({ permission_denials: [denial] })]).events;
  expect(early.filter(({ type }) => type === "permission.denied")).toEqual([told]);
  expect(late.filter(({ type }) => type === "permission.denied")).toEqual([told]);
});

test("of a subagent the tools are shown, not its words to its parent", () => {
  const inside = { parent_tool_use_id: "toolu_1" };
  const { events, session } = read([
    said("Main."),
    said("Inner words.", inside),
    blocks([{ type: "tool_use", id: "toolu_2", name: "Read", input: {} }], inside),
  ]);
  expect(events.map(({ type }) => type)).toEqual(["claude.said", "tool.started"]);
  expect(session.lastText).toBe("Main.");
});

test("no event carries more than 8 KiB of text, and it says how much is missing", () => {
  const { events } = read([said("é".repeat(100_000)), used("Write", { content: "x".repeat(100_000) })]);
  for (const { data } of events) expect(JSON.stringify(data).length).toBeLessThan(9_000);
  expect(events[0]?.data).toHaveProperty("text", expect.stringMatching(/bytes left out\]$/));
  expect(JSON.stringify(events)).not.toContain("\ufffd");
});

test("secrets are taken out before a text is cut, so that no half of one is left", () => {
  const redact = redactor(["very-secret-value"]);
  const { events } = read([said(`${"x".repeat(8_185)} very-secret-value`)], redact);
  expect(JSON.stringify(events)).not.toContain("very-s");
});

test("a tool's answer of several parts, of images, and of nothing can be shown", () => {
  const { events } = read([
    answered([
      { type: "text", text: "one" },
      { type: "image", source: {} },
      { type: "text", text: "two" },
    ]),
    answered(null),
  ]);
  expect(events.map(({ data }) => "output" in data && data.output)).toEqual(["one\n[image]\ntwo", "null"]);
});

test("an input nested deeper than the stack is still an event", () => {
  const depth = 200_000;
  const line = used("Bash", "INPUT").replace('"INPUT"', `${"[".repeat(depth)}${"]".repeat(depth)}`);
  expect(read([line]).events).toHaveLength(1);
});

test("stdin may be closed once the turn is over, and not before", () => {
  const open = fresh();
  expect(mayClose(open)).toBe(false);
  expect(mayClose(after(open, init(), replay(), said("…")))).toBe(false);
  expect(mayClose(after(open, init(), replay(), said("…"), result()))).toBe(true);
});

test("stdin stays open while a follow-up waits for its turn", () => {
  const busy = onFollowUp(after(fresh(), init(), replay()), followUp()).session;
  const first = after(busy, result());
  expect(mayClose(first)).toBe(false);
  expect(mayClose(after(first, init(), replay(followUp().id)))).toBe(false);
  expect(mayClose(after(first, init(), replay(followUp().id), result()))).toBe(true);
});

test("a follow-up that was folded into the running turn needs no result of its own", () => {
  const busy = onFollowUp(after(fresh(), init(), replay()), followUp()).session;
  expect(mayClose(after(busy, replay(followUp().id), result()))).toBe(true);
});

test("a follow-up that the session already has is acknowledged and waits for nothing, also where Claude says no more of it", () => {
  const idle = onFollowUp(after(fresh(), init(), replay(), result()), followUp()).session;
  for (const lines of [[], [lifecycle(followUp().id, "completed")]]) {
    const known = after(idle, replay(followUp().id), ...lines);
    expect(known.delivered).toEqual([followUp().id]);
    expect(mayClose(known)).toBe(true);
  }
});

test("a command that Claude does not echo has had its turn with the result", () => {
  expect(mayClose(after(fresh(), init(), result()))).toBe(true);
  const second = onFollowUp(after(fresh(), init(), replay(), result()), followUp()).session;
  const step = onMessage(second, readMessage(result()), String);
  expect(step.delivered).toEqual([followUp().id]);
  expect(mayClose(step.session)).toBe(true);
});

test("a turn that a subagent's end began is not that of a message which waits", () => {
  const waiting = onFollowUp(after(fresh(), init(), replay(), result()), followUp()).session;
  const noted = after(waiting, result({ origin: { kind: "task-notification" } }));
  expect(noted.delivered).toEqual([]);
  expect(mayClose(noted)).toBe(false);
});

test("stdin stays open while a subagent works in the background", () => {
  const tasks = (...ids: readonly string[]) =>
    system("background_tasks_changed", { tasks: ids.map((task_id) => ({ task_id })) });
  const working = after(fresh(), init(), replay(), tasks("a"), result());
  expect(mayClose(working)).toBe(false);
  expect(mayClose(after(working, tasks()))).toBe(true);
});

test("a follow-up is delivered when Claude echoes it, the task's own echo is not a delivery", () => {
  const { session, writes } = onFollowUp(after(fresh(), init(), replay()), followUp());
  const step = onMessage(session, readMessage(replay(followUp().id)), String);
  expect(writes).toEqual([
    `{"type":"user","message":{"role":"user","content":"And the tests."},"uuid":"${followUp().id}"}\n`,
  ]);
  expect(step.delivered).toEqual([followUp().id]);
  expect(onMessage(step.session, readMessage(replay(followUp().id)), String).events).toEqual([]);
  expect(read([init(), replay()]).delivered).toEqual([]);
});

test("the echo of a message that was never sent means nothing", () => {
  expect(read([replay("00000000-0000-4000-8000-00000000000f")]).delivered).toEqual([]);
});

test("mode interrupt ends the turn first", () => {
  const { writes } = onFollowUp(after(fresh(), init(), replay()), followUp("interrupt"));
  expect(writes.map((line) => JSON.parse(line).type)).toEqual(["control_request", "user"]);
  expect(writes[0]).toContain('"subtype":"interrupt"');
});

test("a message is handed over once, and never after stdin was closed", () => {
  const once = onFollowUp(fresh(), followUp()).session;
  expect(onFollowUp(once, followUp()).writes).toEqual([]);
  expect(onFollowUp(closing(fresh()), followUp()).writes).toEqual([]);
});

test("turns add up over results; cost and models are those of the last one", () => {
  const { session } = read([
    init(),
    replay(),
    result({ num_turns: 3, total_cost_usd: 0.2 }),
    result({ num_turns: 2, total_cost_usd: 0.5, modelUsage: { "claude-x": modelUsage(7) } }),
  ]);
  expect(session.turns).toBe(5);
  expect(session.result).toMatchObject({ total_cost_usd: 0.5, modelUsage: { "claude-x": { inputTokens: 7 } } });
});
