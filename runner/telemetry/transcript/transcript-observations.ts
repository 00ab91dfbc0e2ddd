import type { JobId } from "../../../shared/job.ts";
import { toJson } from "../../../shared/json.ts";
import { Block } from "../../claude/messages.ts";
import type { Observation } from "../langfuse/observation.ts";
import { spanIdOf } from "../trace-id.ts";
import type { Entry, Message, Transcript } from "./read-transcript.ts";

/** More of one attempt are left out, the oldest first. */
const most = 2_000;

/**
 * What was said and done in a session, with its own times: each answer of the model a generation with model and tokens,
 * each tool call with its result, and what a subagent did below the call that started it.
 */
export function transcriptObservations(
  transcript: Transcript,
  of: Readonly<{ job: JobId; parent: string }>,
): Observation[] {
  const agents = new Map(transcript.agents);
  const all = conversation(transcript.entries, { ...of, agents });
  const left = all.length - most;
  if (left <= 0) return all;
  const rest = all.slice(left);
  const at = rest[0]?.startMs ?? 0;
  const metadata = { left_out: left };
  return [
    { ...of, id: spanIdOf(of.job, "left out"), kind: "event", name: "left out", startMs: at, endMs: at, metadata },
    ...rest,
  ];
}

type Around = Readonly<{ job: JobId; parent: string; agents: Map<string, readonly Entry[]> }>;
type Open = { -readonly [K in keyof Observation]: Observation[K] };

function conversation(entries: readonly Entry[], { job, parent, agents }: Around): Observation[] {
  const found: Open[] = [];
  const below: Observation[] = [];
  const tools = new Map<string, Open>();
  let answer: Open | undefined;
  let heard: string[] = [];
  let lastMs = entries[0]?.atMs ?? 0;

  const add = (observation: Open): Open => {
    found.push(observation);
    return observation;
  };
  function user({ uuid, atMs, message }: Entry): void {
    answer = undefined;
    for (const block of blocksOf(message)) {
      if (block.type === "tool_result") end(block, atMs);
      if (block.type !== "text") continue;
      heard.push(block.text);
      const id = spanIdOf(job, `said ${uuid}`);
      add({ job, id, parent, kind: "event", name: "user", startMs: atMs, endMs: atMs, input: block.text });
    }
  }
  function end({ tool_use_id, content, is_error }: Extract<Block, { type: "tool_result" }>, atMs: number): void {
    const tool = tools.get(tool_use_id);
    const text = textOf(content);
    heard.push(text);
    if (!tool) return;
    tools.delete(tool_use_id);
    Object.assign(tool, { endMs: atMs, output: text });
    if (is_error === true) tool.trouble = { level: "ERROR", message: `${tool.name} failed` };
  }
  function assistant({ uuid, atMs, message }: Entry): void {
    const id = spanIdOf(job, `answer ${message.id ?? uuid}`);
    if (answer?.id !== id) {
      const isMade = message.model === "<synthetic>";
      answer = add({
        ...{ job, id, parent, kind: "generation", name: "assistant", startMs: lastMs, endMs: atMs, output: "" },
        ...(heard.length === 0 ? {} : { input: heard.join("\n\n") }),
        ...(message.model === undefined || isMade ? {} : { model: message.model }),
      });
      heard = [];
      if (isMade) answer.trouble = { level: "ERROR", message: textOf(message.content) };
    }
    answer.endMs = atMs;
    if (message.usage) answer.usage = tokensOf(message.usage);
    for (const block of blocksOf(message)) {
      if (block.type === "tool_result") continue;
      const said = block.type === "text" ? block.text : `[${block.name}]`;
      answer.output = [answer.output, said].filter((text) => text !== "").join("\n");
      if (block.type === "tool_use") begin(block, atMs);
    }
  }
  function begin({ id: use, name, input }: Extract<Block, { type: "tool_use" }>, atMs: number): void {
    const id = spanIdOf(job, `tool ${use}`);
    const inside = agents.get(use);
    agents.delete(use);
    tools.set(use, add({ job, id, parent, kind: inside ? "agent" : "tool", name, startMs: atMs, endMs: atMs, input }));
    if (inside) below.push(...conversation(inside, { job, parent: id, agents }));
  }

  for (const entry of entries) {
    if (entry.message.role === "user") user(entry);
    else assistant(entry);
    lastMs = entry.atMs;
  }
  for (const tool of tools.values())
    tool.trouble = { level: "WARNING", message: "It was ended before its result came." };
  return [...found, ...below];
}

const blocksOf = ({ content }: Message): Block[] =>
  typeof content === "string"
    ? [{ type: "text", text: content }]
    : content.flatMap((block) => Block.safeParse(block).data ?? []);

/** A result is a text, or blocks of which some have text. */
function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return toJson(content, "[too deep to show]");
  return content
    .map((block: unknown) => Block.safeParse(block).data)
    .map((block) => (block?.type === "text" ? block.text : "[no text]"))
    .join("\n");
}

const tokensOf = (usage: NonNullable<Message["usage"]>): Record<string, number> => ({
  input: usage.input_tokens,
  output: usage.output_tokens,
  cache_read_input_tokens: usage.cache_read_input_tokens,
  cache_creation_input_tokens: usage.cache_creation_input_tokens,
});
