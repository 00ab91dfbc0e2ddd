import { treeLostText } from "../../../runner/claude/plan.ts";
import type { Conversation, ToolResult } from "./conversation.ts";
import { type Args, findMarker, numberOf } from "./marker.ts";
import type { Reply } from "./reply.ts";

/** Where a conversation stands. All of it is read from the request, so a resumed session goes on where it was. */
export type Turn = Readonly<{
  scenario: string;
  args: Args;
  /** The user's words that hold the newest scenario marker; without any marker, the first ones. */
  prompt: string;
  /** Answers of tools since the prompt, or since it was told that its work is lost: the number of steps done. */
  results: readonly ToolResult[];
  /** What else the user said since the prompt: follow-ups, notes of interruption. */
  heard: readonly string[];
  cwd: string;
  tools: readonly string[];
  usage: Usage;
  /** The reply waits until this name is released. */
  hold: string | undefined;
  /** How often the same session already asked at this very step. */
  tries: number;
  released: (name: string) => boolean;
}>;

/** Undefined lets the request through: the script named by `then` answers it. */
export type Scenario = (turn: Turn) => Reply | undefined;

/** Tokens that each reply is said to have cost. */
export type Usage = Readonly<{ in: number; out: number; cacheRead: number; cacheWrite: number }>;

/** What no request carries. `tries` counts one more for the step's key. */
export type Around = Readonly<{ unmarked: string; tries: (step: string) => number; released: Turn["released"] }>;

export function readTurn(conversation: Conversation, { unmarked, tries, released }: Around): Turn {
  const { items, cwd, tools } = conversation;
  const marked = items.findLastIndex((item) => item.kind === "said" && findMarker("scenario", item.text) !== undefined);
  const start = Math.max(0, marked === -1 ? items.findIndex((item) => item.kind === "said") : marked);
  const prompt = items[start]?.text ?? "";
  const later = items.slice(start + 1);
  const lost = later.findLastIndex((item) => item.kind === "said" && item.text.includes(treeLostText));
  const results = later.slice(lost + 1).filter((item) => item.kind === "result");
  const marker = findMarker("scenario", prompt);
  const scenario = marker?.name ?? unmarked;
  return {
    scenario,
    args: marker?.args ?? {},
    prompt,
    results,
    heard: later.flatMap((item) => (item.kind === "said" ? [item.text] : [])),
    cwd,
    tools,
    usage: usageOf(prompt),
    hold: holdAt(prompt, results.length),
    tries: tries(`${scenario}/${start}/${results.length}`),
    released,
  };
}

/** A scenario as a list: the step after as many tool results; the last one is said again for ever. */
export const script =
  (...steps: readonly (Reply | Scenario)[]): Scenario =>
  (turn) => {
    const step = steps[Math.min(turn.results.length, steps.length - 1)] ?? { kind: "message", say: "Nothing to do." };
    return typeof step === "function" ? step(turn) : step;
  };

/** The end of a script: a text that also tells what the user said in between. */
export const finish =
  (text: string): Scenario =>
  ({ heard }) => ({
    kind: "message",
    say: heard.length === 0 ? text : `${text}\n\nHeard: ${heard.join(" | ")}`,
  });

function usageOf(prompt: string): Usage {
  const args = findMarker("usage", prompt)?.args ?? {};
  return {
    in: numberOf(args, "in", 1_000),
    out: numberOf(args, "out", 50),
    cacheRead: numberOf(args, "cache_read", 0),
    cacheWrite: numberOf(args, "cache_write", 0),
  };
}

/** `[[hold:NAME]]` holds the first reply, `[[hold:NAME@2]]` the one after two tool results. */
function holdAt(prompt: string, step: number): string | undefined {
  const [name, at = "0"] = findMarker("hold", prompt)?.name.split("@") ?? [];
  return name !== undefined && Number(at) === step ? name : undefined;
}
