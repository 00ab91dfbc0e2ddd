import { z } from "zod";
import { fromJson } from "../../shared/json.ts";

/**
 * The lines of `--output-format stream-json`, as far as the runner needs them. Claude says more, and newer
 * versions say new things: those are passed on by name. What an agent prints can end up among them, so
 * nothing here trusts sizes or types, and no line is fatal.
 */
const amount = z.number().nonnegative().catch(0);
const ModelUsage = z.object({
  inputTokens: amount,
  outputTokens: amount,
  cacheReadInputTokens: amount,
  cacheCreationInputTokens: amount,
});

/** A part of what was said; Claude writes the same in its output and in its transcripts. */
export const Block = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text"), text: z.string() }),
  z.object({ type: z.literal("tool_use"), id: z.string(), name: z.string(), input: z.unknown() }),
  z.object({
    type: z.literal("tool_result"),
    tool_use_id: z.string(),
    content: z.unknown(),
    is_error: z.boolean().nullish(),
  }),
]);
export type Block = z.infer<typeof Block>;
/** Blocks of other kinds (thinking, images) are left out. */
const Content = z.union([
  z.string().transform((text): Block[] => [{ type: "text", text }]),
  z.array(z.unknown()).transform((blocks) => blocks.flatMap((block) => Block.safeParse(block).data ?? [])),
]);
const Message = z.object({ content: Content });
const parent = z.string().nullish();

const schemas = {
  "system/init": z.object({
    session_id: z.string(),
    model: z.string().optional(),
    claude_code_version: z.string().optional(),
    mcp_servers: z.array(z.object({ name: z.string(), status: z.string() })).catch([]),
  }),
  "system/api_retry": z.object({
    attempt: z.number(),
    retry_delay_ms: amount,
    error_status: z.number().nullish(),
    error: z.string().catch("unknown"),
  }),
  "system/permission_denied": z.object({ tool_name: z.string(), tool_use_id: z.string().optional() }),
  "system/background_tasks_changed": z.object({ tasks: z.array(z.object({ task_id: z.string() })) }),
  assistant: z.object({ message: Message, parent_tool_use_id: parent, error: z.string().optional() }),
  user: z.object({ message: Message, parent_tool_use_id: parent, uuid: z.string(), isReplay: z.boolean().optional() }),
  /** A question of Claude's to whoever started it. */
  control_request: z.object({
    request_id: z.string(),
    request: z.object({
      subtype: z.string(),
      tool_name: z.string().optional(),
      tool_use_id: z.string().optional(),
      input: z.record(z.string(), z.unknown()).optional(),
    }),
  }),
  /** It does not wait for the answer any more. */
  control_cancel_request: z.object({ request_id: z.string() }),
  command_lifecycle: z.object({ command_uuid: z.string(), state: z.string() }),
  rate_limit_event: z.object({
    rate_limit_info: z.object({
      status: z.string(),
      resetsAt: z.number().optional(),
      rateLimitType: z.string().optional(),
    }),
  }),
  result: z.object({
    subtype: z.string(),
    is_error: z.boolean(),
    result: z.string().optional(),
    errors: z.array(z.string()).catch([]),
    num_turns: amount,
    duration_ms: amount,
    total_cost_usd: amount,
    stop_reason: z.string().nullish(),
    api_error_status: z.number().nullish(),
    /** Set where no message of the user began the turn: a subagent in the background has ended. */
    origin: z.object({ kind: z.string() }).nullish().catch(undefined),
    modelUsage: z.record(z.string(), ModelUsage).catch({}),
    permission_denials: z.array(z.object({ tool_name: z.string(), tool_use_id: z.string().optional() })).catch([]),
  }),
} as const;

type Known = keyof typeof schemas;
export type ClaudeMessage =
  | { [K in Known]: Readonly<{ type: K } & z.infer<(typeof schemas)[K]>> }[Known]
  /** A message of Claude's that the runner has no use for; `name` is type and subtype. */
  | Readonly<{ type: "other"; name: string }>
  /** Not JSON, not a message, or a known one in another shape. */
  | Readonly<{ type: "unrecognised"; line: string }>;

export type ResultMessage = Extract<ClaudeMessage, { type: "result" }>;

const Envelope = z.object({ type: z.string(), subtype: z.string().optional() });
const maxShown = 200;

/** Never throws. */
export function readMessage(line: string): ClaudeMessage {
  const content = fromJson(line);
  const envelope = Envelope.safeParse(content).data;
  if (!envelope) return unrecognised(line);
  const name = envelope.type === "system" ? `system/${envelope.subtype ?? ""}` : envelope.type;
  if (!isKnown(name)) return { type: "other", name: name.slice(0, maxShown) };
  const parsed = schemas[name].safeParse(content);
  return parsed.success ? ({ ...parsed.data, type: name } as ClaudeMessage) : unrecognised(line);
}

/** The messages of a stream of lines. */
export async function* readMessages(lines: AsyncIterable<string>): AsyncGenerator<ClaudeMessage> {
  for await (const line of lines) yield readMessage(line);
}

const isKnown = (name: string): name is Known => Object.hasOwn(schemas, name);
const unrecognised = (line: string): ClaudeMessage => ({ type: "unrecognised", line: line.slice(0, maxShown) });
