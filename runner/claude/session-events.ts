import type { NewEvent } from "../../shared/event.ts";
import { toJson } from "../../shared/json.ts";
import type { Redact } from "../../shared/redact.ts";
import type { Block, ClaudeMessage } from "./messages.ts";
import type { Session } from "./session-state.ts";
import { shorten } from "./shorten.ts";

/** Bytes of text that one event may carry; the whole is in the transcript. */
const maxText = 8 * 1024;

type Facts = Readonly<{ before: Session; after: Session; message: ClaudeMessage; redact: Redact }>;

/** What a line of Claude's output means to whoever follows the job. */
export function eventsOf({ before, after, message, redact }: Facts): readonly NewEvent[] {
  const clean = (text: string) => shorten(redact(text), maxText);
  switch (message.type) {
    case "system/init":
      return before.started ? [] : [started(message, after)];
    case "assistant":
      return message.message.content.flatMap((block) => spoken(block, isSubagent(message), clean));
    case "user":
      // That a follow-up was taken up the store tells, with its acknowledgement.
      return message.isReplay ? [] : message.message.content.flatMap((block) => toolEnded(block, clean));
    case "system/api_retry":
      return [
        {
          type: "claude.retrying",
          data: {
            attempt: message.attempt,
            status: message.error_status ?? null,
            error: clean(message.error),
            delay_ms: message.retry_delay_ms,
          },
        },
      ];
    case "system/permission_denied":
      return denials(before, after, clean);
    case "result":
      return denials(before, after, clean);
    default:
      return [];
  }
}

const isSubagent = ({ parent_tool_use_id }: { parent_tool_use_id?: string | null | undefined }): boolean =>
  typeof parent_tool_use_id === "string";

const started = (init: Extract<ClaudeMessage, { type: "system/init" }>, { pid, resumed }: Session): NewEvent => ({
  type: "claude.started",
  data: { session_id: init.session_id, pid, resumed, ...(init.model === undefined ? {} : { model: init.model }) },
});

/** A subagent speaks to its parent, not to the person: of it only the tools are shown. */
function spoken(block: Block, bySubagent: boolean, clean: (text: string) => string): NewEvent[] {
  if (block.type === "text")
    return bySubagent || block.text.trim() === "" ? [] : [{ type: "claude.said", data: { text: clean(block.text) } }];
  if (block.type !== "tool_use") return [];
  const data = { tool: clean(block.name), tool_use_id: block.id.slice(0, 200), input: clean(asText(block.input)) };
  return [{ type: "tool.started", data }];
}

const toolEnded = (block: Block, clean: (text: string) => string): NewEvent[] =>
  block.type === "tool_result"
    ? [
        {
          type: "tool.ended",
          data: {
            tool_use_id: block.tool_use_id.slice(0, 200),
            is_error: block.is_error === true,
            output: clean(resultText(block.content)),
          },
        },
      ]
    : [];

function denials(before: Session, after: Session, clean: (text: string) => string): NewEvent[] {
  if (after.denied === before.denied) return [];
  const added = [...after.denied].slice(before.denied.size);
  return added.map(([id, tool]) => ({
    type: "permission.denied",
    data: { tool: clean(tool), tool_use_id: id.slice(0, 200) },
  }));
}

function resultText(content: unknown): string {
  if (!Array.isArray(content)) return asText(content);
  return content.map((part) => (isText(part) ? part.text : `[${kindOf(part)}]`)).join("\n");
}

const isText = (part: unknown): part is { text: string } =>
  typeof part === "object" && part !== null && "text" in part && typeof part.text === "string";
const kindOf = (part: unknown): string =>
  typeof part === "object" && part !== null && "type" in part ? String(part.type).slice(0, 40) : typeof part;

const asText = (value: unknown): string => (typeof value === "string" ? value : toJson(value, "[too deep to show]"));
