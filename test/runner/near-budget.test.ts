import { expect, test } from "vitest";
import { readMessage } from "../../runner/claude/messages.ts";
import { budgetNudge, tellNearBudget } from "../../runner/near-budget.ts";

const line = (message: object) => readMessage(JSON.stringify({ session_id: "s", uuid: "u", ...message }));
const uses = (id: string, parent: string | null = null) =>
  line({
    ...{ type: "assistant", parent_tool_use_id: parent },
    message: { id: "m", model: "x", role: "assistant", content: [{ type: "tool_use", id, name: "Bash", input: {} }] },
  });
const ended = (tool_use_id: string) =>
  line({
    ...{ type: "user", parent_tool_use_id: null },
    message: { role: "user", content: [{ type: "tool_result", tool_use_id, content: "ok" }] },
  });

function told() {
  const texts: string[] = [];
  return { ...tellNearBudget((text) => texts.push(text)), texts };
}

test("it is said at once where a tool works, and once", () => {
  const { near, seen, texts } = told();
  seen(uses("a"));
  expect(texts).toEqual([]);
  near();
  near();
  seen(ended("a"));
  seen(uses("b"));
  expect(texts).toEqual([budgetNudge]);
});

test("between tools it waits for the next one, and is never said to a Claude that calls none any more", () => {
  const { near, seen, texts } = told();
  seen(uses("a"));
  seen(ended("a"));
  near();
  expect(texts).toEqual([]);
  seen(uses("inside", "a")); // a subagent's: it is not asked
  expect(texts).toEqual([]);
  seen(uses("b"));
  expect(texts).toEqual([budgetNudge]);
});
