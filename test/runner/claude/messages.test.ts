import { expect, test } from "vitest";
import { readMessage } from "../../../runner/claude/messages.ts";
import { init, result, said, used } from "./stream-lines.ts";

test("a known line becomes a message of its own type", () => {
  expect(readMessage(init())).toMatchObject({ type: "system/init", session_id: "s", model: "claude-x" });
  expect(readMessage(said("hello"))).toMatchObject({
    type: "assistant",
    message: { content: [{ type: "text", text: "hello" }] },
  });
  expect(readMessage(result())).toMatchObject({ type: "result", subtype: "success", total_cost_usd: 0.5 });
});

test("what a newer Claude says is passed on by name", () => {
  expect(readMessage('{"type":"system","subtype":"dreaming","depth":3}')).toEqual({
    type: "other",
    name: "system/dreaming",
  });
  expect(readMessage('{"type":"telepathy"}')).toEqual({ type: "other", name: "telepathy" });
});

test("a block of an unknown kind does not cost the message its other blocks", () => {
  const line =
    '{"type":"assistant","message":{"content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"yes"}]}}';
  expect(readMessage(line)).toMatchObject({ message: { content: [{ type: "text", text: "yes" }] } });
});

test.each([
  "",
  "not json",
  "null",
  "123",
  "[]",
  '"text"',
  "{}",
  '{"type":7}',
  '{"type":"system"}',
  '{"type":"result","subtype":"success"}',
  '{"type":"assistant","message":"no"}',
  '{"type":"user","message":{"content":[]}}',
  '{"type":"__proto__"}',
  '{"type":"constructor"}',
  "{".repeat(100_000),
  "[".repeat(500_000),
  "\u0000\u0001\ufffd",
])("no line is fatal, be it as strange as %#", (line) => {
  expect(["unrecognised", "other"]).toContain(readMessage(line).type);
});

test("of a line that is not understood only its beginning is kept", () => {
  const message = readMessage("x".repeat(1_000_000));
  expect(message.type === "unrecognised" && message.line.length).toBe(200);
});

test("numbers that cannot be are read as nothing", () => {
  const line = result({ total_cost_usd: -5, num_turns: "many", modelUsage: { m: { inputTokens: null } } });
  expect(readMessage(line)).toMatchObject({
    total_cost_usd: 0,
    num_turns: 0,
    modelUsage: { m: { inputTokens: 0, outputTokens: 0 } },
  });
});

test("a tool's input is taken as it is, however deep", () => {
  const deep = `${"[".repeat(5_000)}${"]".repeat(5_000)}`;
  const line = used("Bash", "INPUT").replace('"INPUT"', deep);
  expect(readMessage(line).type).toBe("assistant");
});
