import { expect, test } from "vitest";
import type { ClaudeMessage } from "../../../runner/claude/messages.ts";
import { watchRepeats } from "../../../runner/claude/repeats.ts";

let number = 0;
type Call = Readonly<{ name?: string; input?: unknown; result?: unknown; parent?: string; isError?: boolean }>;

/** What Claude prints of one call and its result. */
function call({
  name = "Bash",
  input = { command: "ls" },
  result = "a",
  parent,
  isError = false,
}: Call): ClaudeMessage[] {
  const id = `toolu_${++number}`;
  const around = { parent_tool_use_id: parent };
  const block = { type: "tool_result" as const, tool_use_id: id, content: result, is_error: isError };
  return [
    { type: "assistant", ...around, message: { content: [{ type: "tool_use", id, name, input }] } },
    { type: "user", uuid: id, ...around, message: { content: [block] } },
  ];
}
/** At which of the calls a circle was seen, from 1. */
function seenAt(calls: readonly Call[]): number[] {
  const watch = watchRepeats();
  return calls.flatMap((one, at) => (call(one).map(watch).includes(true) ? [at + 1] : []));
}
const times = (count: number, one: Call = {}): Call[] => Array.from({ length: count }, () => one);

test("the fifth equal call with an equal result is a circle, and then the fifth after it", () => {
  expect(seenAt(times(14))).toEqual([5, 10]);
});

test("another result, another input or another tool in between begins anew", () => {
  expect(seenAt([...times(4), { result: "b" }, ...times(4)])).toEqual([]);
  expect(seenAt([...times(4), { input: { command: "pwd" } }, ...times(4)])).toEqual([]);
  expect(seenAt([...times(4), { name: "Read" }, ...times(4)])).toEqual([]);
  expect(seenAt([...times(4), { isError: true }, ...times(4)])).toEqual([]);
});

test("the words with which a call is described do not count", () => {
  const described = times(5).map((_, at) => ({ input: { command: "ls", description: `Try ${at}` } }));
  expect(seenAt(described)).toEqual([5]);
});

test("each subagent has its own row", () => {
  const mixed = times(5).flatMap((one) => [one, { ...one, parent: "toolu_sub" }]);
  expect(seenAt(mixed)).toEqual([9, 10]);
});

test("calls side by side, unknown results and a flood of calls without results harm nothing", () => {
  const watch = watchRepeats();
  const [asked = [], answered = []] = [0, 1].map((part) => times(5).map((one) => call(one)[part] as ClaudeMessage));
  expect([...asked, ...answered].map(watch).filter(Boolean)).toEqual([]); // ids differ: these results are of other calls
  const flood = times(5_000).map((one) => call(one)[0] as ClaudeMessage);
  expect(flood.some(watch)).toBe(false);
  expect(times(5).flatMap(call).map(watch).filter(Boolean)).toEqual([true]);
});
