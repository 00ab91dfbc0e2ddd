import { createHash } from "node:crypto";
import { toJson } from "../../shared/json.ts";
import type { ClaudeMessage } from "./messages.ts";

/** As many equal calls with equal results in a row are a circle. */
export const circleLength = 5;

/** Of what the agent can make grow without end, no more is remembered. */
const mostRemembered = 1_000;

type Row = Readonly<{ key: string; count: number }>;

/**
 * Sees Claude go round in a circle: the same tool with the same input had the same result five times in a row, in one
 * conversation, Claude's own or a subagent's. True at the fifth, and then at the fifth after it.
 */
export function watchRepeats(): (message: ClaudeMessage) => boolean {
  const open = new Map<string, Readonly<{ lane: string; call: string }>>();
  const rows = new Map<string, Row>();
  const result = (id: string, said: unknown): boolean => {
    const asked = open.get(id);
    if (!asked) return false;
    open.delete(id);
    const key = hash([asked.call, said]);
    const before = rows.get(asked.lane);
    const count = before?.key === key ? before.count + 1 : 1;
    const circle = count === circleLength;
    remember(rows, asked.lane, { key, count: circle ? 0 : count });
    return circle;
  };
  return (message) => {
    if (message.type !== "assistant" && message.type !== "user") return false;
    const lane = message.parent_tool_use_id ?? "";
    let circle = false;
    for (const block of message.message.content) {
      if (block.type === "tool_use") remember(open, block.id, { lane, call: hash([block.name, plain(block.input)]) });
      if (block.type === "tool_result")
        circle = result(block.tool_use_id, [block.content, block.is_error ?? false]) || circle;
    }
    return circle;
  };
}

/** A call's description is words about it. */
function plain(input: unknown): unknown {
  if (typeof input !== "object" || input === null) return input;
  return Object.entries(input).filter(([name]) => name !== "description");
}

const hash = (value: unknown): string => createHash("sha256").update(toJson(value, "")).digest("base64");

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= mostRemembered) return;
    map.delete(oldest);
  }
}
