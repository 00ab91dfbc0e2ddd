import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { fromJson } from "../../../shared/json.ts";
import { openPlainFile } from "../../claude/plain-file.ts";
import { findTranscript } from "../../claude/transcripts.ts";
import { lineSplitter } from "../../process/split-lines.ts";

/** A line of a transcript that somebody said something in. */
export type Entry = Readonly<{ uuid: string; atMs: number; message: Message }>;
export type Message = z.infer<typeof Message>;
/** What was said in a session since some time, and by the subagents that a tool call started. */
export type Transcript = Readonly<{ entries: readonly Entry[]; agents: ReadonlyMap<string, readonly Entry[]> }>;

const Tokens = z.number().nonnegative().catch(0);
const Message = z.object({
  role: z.enum(["user", "assistant"]),
  id: z.string().optional().catch(undefined),
  model: z.string().optional().catch(undefined),
  content: z.union([z.string(), z.array(z.unknown())]),
  usage: z
    .object({
      input_tokens: Tokens,
      output_tokens: Tokens,
      cache_read_input_tokens: Tokens,
      cache_creation_input_tokens: Tokens,
    })
    .optional()
    .catch(undefined),
});
const Line = z.object({
  type: z.enum(["user", "assistant"]),
  uuid: z.string(),
  timestamp: z.string(),
  message: Message,
});
const Meta = z.object({ toolUseId: z.string() });

/** Of each file the end is read; a longer line is left out. */
const maxBytes = 32 * 1024 * 1024;
const maxLine = 1024 * 1024;
const maxAgents = 200;

/**
 * Reads what Claude Code kept of a session below a job's configuration folder. The folder is an agent's: links are not
 * followed, and what is not as it should be is left out. Never throws.
 */
export async function readTranscript(
  place: Readonly<{ configDir: string; sessionId: string }>,
  sinceMs: number,
): Promise<Transcript> {
  const nothing = { entries: [], agents: new Map() };
  try {
    const found = await findTranscript(place.configDir, place.sessionId);
    if (!found) return nothing;
    const beside = found.file.replace(/\.jsonl$/, "");
    const agents = (await isFolder(beside)) ? await readAgents(join(beside, "subagents"), sinceMs) : new Map();
    return { entries: await readEntries(found.file, sinceMs), agents };
  } catch {
    return nothing;
  }
}

/** By the tool call that started each. */
async function readAgents(folder: string, sinceMs: number): Promise<Map<string, readonly Entry[]>> {
  const agents = new Map<string, readonly Entry[]>();
  if (!(await isFolder(folder))) return agents;
  const names = (await readdir(folder)).filter((name) => /^agent-[\w-]+\.meta\.json$/.test(name)).slice(0, maxAgents);
  for (const name of names) {
    const [meta] = await readLines(join(folder, name)).catch(() => []);
    const parsed = Meta.safeParse(fromJson(meta ?? "")).data;
    if (!parsed) continue;
    const file = join(folder, name.replace(/\.meta\.json$/, ".jsonl"));
    agents.set(parsed.toolUseId, await readEntries(file, sinceMs).catch(() => []));
  }
  return agents;
}

async function readEntries(file: string, sinceMs: number): Promise<Entry[]> {
  return (await readLines(file)).flatMap((text) => {
    if (!/"type":"(user|assistant)"/.test(text)) return [];
    const line = Line.safeParse(fromJson(text)).data;
    const atMs = Date.parse(line?.timestamp ?? "");
    return line && atMs >= sinceMs ? [{ uuid: line.uuid, atMs, message: line.message }] : [];
  });
}

/** Whole lines of a plain file, of its end where it is long. */
async function readLines(file: string): Promise<string[]> {
  await using handle = await openPlainFile(file);
  const start = Math.max(0, (await handle.stat()).size - maxBytes);
  const splitter = lineSplitter(maxLine);
  const lines: string[] = [];
  const keep = (found: ReturnType<typeof splitter.push>) => {
    for (const { text, dropped } of found) if (dropped === 0) lines.push(text);
  };
  for await (const chunk of handle.createReadStream({ start, end: start + maxBytes, autoClose: false }))
    keep(splitter.push(chunk as Buffer));
  keep(splitter.end());
  return start > 0 ? lines.slice(1) : lines;
}

const isFolder = async (path: string): Promise<boolean> =>
  (await lstat(path).catch(() => undefined))?.isDirectory() ?? false;
