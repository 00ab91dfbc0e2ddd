import { readMessage } from "../../../runner/claude/messages.ts";
import { closing, mayClose, onMessage, openSession } from "../../../runner/claude/session.ts";
import type { Session } from "../../../runner/claude/session-state.ts";
import type { NewEvent } from "../../../shared/event.ts";
import type { Redact } from "../../../shared/redact.ts";

/** Lines as Claude Code writes them, with what the tests do not speak of left out. */
export const firstMessage = "00000000-0000-4000-8000-000000000001";
const line = (content: unknown): string => JSON.stringify(content);

export const init = (more: object = {}): string =>
  line({ type: "system", subtype: "init", session_id: "s", model: "claude-x", mcp_servers: [], ...more });
export const replay = (uuid: string = firstMessage): string =>
  line({
    type: "user",
    message: { role: "user", content: "the words" },
    uuid,
    isReplay: true,
    parent_tool_use_id: null,
  });
export const lifecycle = (command_uuid: string, state: string): string =>
  line({ type: "command_lifecycle", command_uuid, state });
export const blocks = (content: readonly object[], more: object = {}): string =>
  line({ type: "assistant", message: { role: "assistant", content }, parent_tool_use_id: null, ...more });
export const said = (text: string, more: object = {}): string => blocks([{ type: "text", text }], more);
export const used = (name: string, input: unknown, id = "toolu_1"): string =>
  blocks([{ type: "tool_use", id, name, input }]);
export const answered = (content: unknown, id = "toolu_1", is_error = false): string =>
  line({
    type: "user",
    uuid: "u",
    message: { role: "user", content: [{ type: "tool_result", tool_use_id: id, content, is_error }] },
  });
export const system = (subtype: string, more: object): string => line({ type: "system", subtype, ...more });
export const modelUsage = (inputTokens: number, outputTokens = 0) => ({
  inputTokens,
  outputTokens,
  cacheReadInputTokens: 0,
  cacheCreationInputTokens: 0,
});
export const result = (more: object = {}): string =>
  line({
    type: "result",
    subtype: "success",
    is_error: false,
    result: "Done.",
    num_turns: 1,
    duration_ms: 10,
    total_cost_usd: 0.5,
    modelUsage: { "claude-x": modelUsage(100, 10) },
    permission_denials: [],
    ...more,
  });
/** How the API's refusals end: `success`, and yet an error. */
export const apiError = (error: string, status: number | null, text: string): readonly string[] => [
  init(),
  replay(),
  said(text, { error }),
  result({ is_error: true, api_error_status: status, result: text, total_cost_usd: 0, modelUsage: {} }),
];

export type Read = Readonly<{ session: Session; events: readonly NewEvent[]; delivered: readonly string[] }>;

/** What is known after these lines; stdin is closed as soon as it may be. */
export function read(lines: readonly string[], redact: Redact = (text) => text): Read {
  let session = openSession({ messageId: firstMessage, pid: 7, resumed: false });
  const events: NewEvent[] = [];
  const delivered: string[] = [];
  for (const each of lines) {
    const step = onMessage(session, readMessage(each), redact);
    session = mayClose(step.session) ? closing(step.session) : step.session;
    events.push(...step.events);
    delivered.push(...step.delivered);
  }
  return { session, events, delivered };
}
