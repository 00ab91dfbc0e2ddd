import { randomUUID } from "node:crypto";
import type { Message } from "./reply.ts";
import type { Usage } from "./turn.ts";

/** The reply as the API would write it: whole, and as server-sent events (Messages API, streaming). */
export type Wire = Readonly<{
  whole: () => Record<string, unknown>;
  opening: () => string;
  /** Events of the content, one after the other; text comes in pieces of at most `bytes`. */
  content: (bytes: number) => Generator<string>;
  closing: () => string;
}>;

export function wireOf(reply: Message, model: string, usage: Usage): Wire {
  const id = `msg_${randomUUID().replaceAll("-", "")}`;
  const stopReason = reply.stopReason ?? (reply.use ? "tool_use" : "end_turn");
  const thought = reply.think ? [{ type: "thinking", thinking: reply.think, signature: "c2NyaXB0ZWQ=" }] : [];
  const text = reply.say ? [{ type: "text", text: reply.say }] : [];
  const use = reply.use ? [{ type: "tool_use", id: `toolu_${id.slice(4)}`, ...reply.use }] : [];
  const content = [...thought, ...text, ...use];
  const base = { id, type: "message", role: "assistant", model };
  return {
    whole: () => ({ ...base, content, stop_reason: stopReason, stop_sequence: null, usage: tokens(usage, usage.out) }),
    opening: () =>
      event("message_start", {
        message: { ...base, content: [], stop_reason: null, stop_sequence: null, usage: tokens(usage, 1) },
      }),
    *content(bytes) {
      for (const [index, block] of content.entries()) {
        if ("thinking" in block) yield* thinkingEvents(index, block);
        else if ("text" in block) yield* textEvents(index, block.text, bytes);
        else yield* toolEvents(index, block);
      }
    },
    closing: () =>
      event("message_delta", {
        delta: { stop_reason: stopReason, stop_sequence: null },
        usage: tokens(usage, usage.out),
      }) + event("message_stop", {}),
  };
}

export const event = (type: string, data: Record<string, unknown>): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;

function* textEvents(index: number, text: string, bytes: number): Generator<string> {
  yield event("content_block_start", { index, content_block: { type: "text", text: "" } });
  for (let at = 0; at < text.length; at += bytes) {
    yield event("content_block_delta", { index, delta: { type: "text_delta", text: text.slice(at, at + bytes) } });
  }
  yield event("content_block_stop", { index });
}

type Thinking = Readonly<{ thinking: string; signature: string }>;
function* thinkingEvents(index: number, { thinking, signature }: Thinking): Generator<string> {
  yield event("content_block_start", { index, content_block: { type: "thinking", thinking: "", signature: "" } });
  yield event("content_block_delta", { index, delta: { type: "thinking_delta", thinking } });
  yield event("content_block_delta", { index, delta: { type: "signature_delta", signature } });
  yield event("content_block_stop", { index });
}

function* toolEvents(index: number, block: Readonly<{ input: unknown }>): Generator<string> {
  yield event("content_block_start", { index, content_block: { ...block, input: {} } });
  const partial_json = JSON.stringify(block.input);
  yield event("content_block_delta", { index, delta: { type: "input_json_delta", partial_json } });
  yield event("content_block_stop", { index });
}

const tokens = (usage: Usage, output: number) => ({
  input_tokens: usage.in,
  cache_creation_input_tokens: usage.cacheWrite,
  cache_read_input_tokens: usage.cacheRead,
  output_tokens: output,
  service_tier: "standard",
});
