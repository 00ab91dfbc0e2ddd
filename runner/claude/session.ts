import type { NewEvent } from "../../shared/event.ts";
import type { Message } from "../../shared/job.ts";
import type { Redact } from "../../shared/redact.ts";
import { type Checks, checked, openChecks } from "./checks.ts";
import type { ClaudeMessage, ResultMessage } from "./messages.ts";
import { eventsOf } from "./session-events.ts";
import type { Sent, Session } from "./session-state.ts";
import { interruptLine, userLine } from "./stdin-line.ts";

export type Step = Readonly<{
  session: Session;
  events: readonly NewEvent[];
  /** Lines for stdin, in this order. */
  writes: readonly string[];
  /** Ids of follow-ups that Claude has just taken up. */
  delivered: readonly string[];
}>;

type First = Readonly<{ messageId: string; pid: number; resumed: boolean; checks?: Checks }>;

/** A session whose first message is being written. `pid` is Claude's. */
export const openSession = (first: First): Session => ({
  pid: first.pid,
  resumed: first.resumed,
  started: false,
  inTurn: false,
  sent: new Map([[first.messageId, { state: "written" }]]),
  delivered: [],
  background: 0,
  closed: false,
  turns: 0,
  denied: new Map(),
  failedServers: [],
  lastText: "",
  checks: first.checks ?? openChecks(),
  recognised: 0,
  unrecognised: 0,
});

/** What a line of Claude's output changes. */
export function onMessage(before: Session, message: ClaudeMessage, redact: Redact): Step {
  const heard = counted(noted(before, message), message);
  const session = { ...heard, checks: checked(heard.checks, message, redact) };
  const delivered = session.delivered.slice(before.delivered.length);
  const events = eventsOf({ before, after: session, message, redact });
  return { session, events, writes: [], delivered };
}

/**
 * Hands a follow-up to Claude: `queue` is taken up at the next tool boundary, `interrupt` ends the turn first.
 * A message that was already handed over, or comes after stdin was closed, changes nothing.
 */
export function onFollowUp(session: Session, { id, text, mode }: Message): Step {
  if (session.closed || session.sent.has(id)) return { session, events: [], writes: [], delivered: [] };
  const writes = [...(mode === "interrupt" ? [interruptLine(id)] : []), userLine(id, text)];
  return { session: { ...session, sent: withState(session.sent, id, "written") }, events: [], writes, delivered: [] };
}

/** Whether stdin may be closed: every message has had its turn, and nothing works in the background. */
export const mayClose = (session: Session): boolean =>
  !session.closed && session.background === 0 && [...session.sent.values()].every(({ state }) => state === "done");

/** stdin is being closed. */
export const closing = (session: Session): Session => ({ ...session, closed: true });

/** Counted by the line: what is neither Claude's nor known tells a wrong program from a silent one. */
function counted(session: Session, message: ClaudeMessage): Session {
  if (message.type !== "unrecognised") return { ...session, recognised: session.recognised + 1 };
  return message.line.trim() === "" ? session : { ...session, unrecognised: session.unrecognised + 1 };
}

function noted(session: Session, message: ClaudeMessage): Session {
  switch (message.type) {
    case "system/init":
      return { ...session, started: true, inTurn: true, failedServers: failed(message.mcp_servers) };
    case "system/background_tasks_changed":
      return { ...session, background: message.tasks.length };
    case "system/permission_denied":
      return { ...session, denied: withDenial(session.denied, message) };
    case "assistant":
      return spoken(session, message);
    case "user":
      return message.isReplay ? echoed(session, message.uuid) : session;
    case "command_lifecycle":
      return message.state === "completed" || message.state === "cancelled"
        ? { ...session, sent: changed(session.sent, message.command_uuid, "done") }
        : session;
    case "rate_limit_event":
      return { ...session, limit: limitOf(message.rate_limit_info) };
    case "result":
      return {
        ...turnOver(session, message),
        result: message,
        inTurn: false,
        turns: session.turns + message.num_turns,
        denied: message.permission_denials.reduce(withDenial, session.denied),
      };
    default:
      return session;
  }
}

function spoken(session: Session, message: Extract<ClaudeMessage, { type: "assistant" }>): Session {
  const { error, parent_tool_use_id, message: said } = message;
  if (parent_tool_use_id) return session;
  const text = said.content.flatMap((block) => (block.type === "text" ? [block.text] : [])).join("\n");
  const { apiError: _, ...rest } = session;
  return {
    ...rest,
    lastText: text === "" ? session.lastText : text,
    ...(error === undefined ? {} : { apiError: error }),
  };
}

/**
 * Between two turns Claude acknowledges what its session already has, which gets no turn (measured: 2.1.197 says nothing more
 * of it, 2.1.330 `command_lifecycle`). What gets one is echoed behind its `system/init`.
 */
function echoed(session: Session, id: string): Session {
  const known = session.sent.get(id);
  if (known?.state !== "written") return session;
  const isFirst = session.sent.keys().next().value === id;
  return {
    ...session,
    sent: withState(session.sent, id, session.inTurn ? "echoed" : "done"),
    delivered: isFirst ? session.delivered : [...session.delivered, id],
  };
}

/** What was echoed has had its turn. Older versions do not echo a command such as `/compact`: then it was the oldest. */
function turnOver(session: Session, { origin }: ResultMessage): Session {
  const messages = [...session.sent];
  const wasEchoed = messages.some(([, { state }]) => state === "echoed");
  const silent = wasEchoed || origin ? undefined : messages.find(([, { state }]) => state === "written")?.[0];
  const before = silent === undefined ? session : echoed(session, silent);
  return {
    ...before,
    sent: new Map([...before.sent].map(([id, sent]) => [id, sent.state === "echoed" ? { state: "done" } : sent])),
  };
}

const limitOf = (info: Readonly<{ status: string; resetsAt?: number | undefined }>): NonNullable<Session["limit"]> => ({
  rejected: info.status === "rejected",
  ...(info.resetsAt === undefined ? {} : { resetsAtMs: info.resetsAt * 1000 }),
});

const failed = (servers: readonly Readonly<{ name: string; status: string }>[]): string[] =>
  servers.filter(({ status }) => status === "failed").map(({ name }) => name);

type Denial = Readonly<{ tool_name: string; tool_use_id?: string | undefined }>;
const maxDenials = 1_000;
const withDenial = (denied: Session["denied"], { tool_name, tool_use_id }: Denial): Session["denied"] => {
  const key = tool_use_id ?? `${tool_name}#${denied.size}`;
  return denied.has(key) || denied.size >= maxDenials ? denied : new Map([...denied, [key, tool_name]]);
};

const withState = (sent: Session["sent"], id: string, state: Sent["state"]): Session["sent"] =>
  new Map([...sent, [id, { state }]]);
const changed = (sent: Session["sent"], id: string, state: Sent["state"]): Session["sent"] =>
  sent.has(id) ? withState(sent, id, state) : sent;
