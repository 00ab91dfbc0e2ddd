/** What the scripted model answers to one request. */
export type Reply = Message | Failure | Cut | Stall;

/** An ordinary answer: text, then at most one tool call. */
export type Message = Readonly<{
  kind: "message";
  /** Comes before the text, as a thinking block. */
  think?: string;
  say?: string;
  use?: ToolUse;
  /** Default: `tool_use` with a tool call, else `end_turn`. */
  stopReason?: "max_tokens" | "refusal";
  /** The text goes out in pieces of `bytes`, one each `everyMs`. Default: one piece. */
  pace?: Readonly<{ bytes: number; everyMs: number }>;
}>;
type ToolUse = Readonly<{ name: string; input: Readonly<Record<string, unknown>> }>;

/** An HTTP error with Anthropic's error body. */
export type Failure = Readonly<{
  kind: "failure";
  status: number;
  type: string;
  message: string;
  headers?: Readonly<Record<string, string>>;
}>;

/** A stream that breaks after its first text: connection reset, early end, or an `error` event. */
export type Cut = Readonly<{ kind: "cut"; how: "reset" | "end" | "event"; say: string }>;

/** A stream that says something and then nothing more until `until` is released; then it ends as it should. */
export type Stall = Readonly<{ kind: "stall"; until: string; say: string }>;

export const say = (text: string): Message => ({ kind: "message", say: text });

/** A Bash call; `timeoutMs` is the tool's own limit. */
export const bash = (command: string, description: string, timeoutMs = 600_000): Message => ({
  kind: "message",
  say: `${description}.`,
  use: { name: "Bash", input: { command, description, timeout: timeoutMs } },
});

/** In one line, for the record of requests. */
export function nameOf(reply: Reply): string {
  switch (reply.kind) {
    case "message":
      return reply.use ? `tool ${reply.use.name}` : "text";
    case "failure":
      return `error ${reply.status}`;
    case "cut":
      return `cut ${reply.how}`;
    case "stall":
      return "stall";
    default:
      return reply satisfies never;
  }
}
