import { type Check, maxChecks, maxCommandCharacters } from "../../shared/check.ts";
import type { Redact } from "../../shared/redact.ts";
import { readCommand } from "./check-command.ts";
import type { ClaudeMessage } from "./messages.ts";

/** What is known of a job's checks; changed only by `checked`. */
export type Checks = Readonly<{
  /** Calls that have begun, by their ids. */
  open: ReadonlyMap<string, Readonly<{ command: string; tells: boolean }>>;
  /** Each command once, the one that ran last at the end. */
  done: readonly Check[];
}>;

/** Those of the attempts before, where their work goes on. */
export const openChecks = (earlier: readonly Check[] = []): Checks => ({ open: new Map(), done: earlier });

/** At once; Claude runs few at a time. */
const mostOpen = 100;

/** What a line of Claude's output says of checks: `Bash` calls that run tests, a linter or a build, and how they ended. */
export function checked(before: Checks, message: ClaudeMessage, redact: Redact): Checks {
  if (message.type !== "assistant" && message.type !== "user") return before;
  let { open, done } = before;
  for (const block of message.message.content) {
    if (block.type === "tool_use" && block.name === "Bash") {
      const call = callOf(block.input, redact);
      if (call && open.size < mostOpen) open = new Map([...open, [block.id, call]]);
    }
    if (block.type !== "tool_result") continue;
    const call = open.get(block.tool_use_id);
    if (!call) continue;
    open = new Map([...open].filter(([id]) => id !== block.tool_use_id));
    const end = endOf(textOf(block.content), block.is_error === true);
    if (end) done = withRun(done, { command: call.command, ...(call.tells ? end : unknown) });
  }
  return open === before.open && done === before.done ? before : { open, done };
}

type End = Pick<Check, "result" | "exit_code">;
const unknown: End = { result: "unknown" };

function callOf(input: unknown, redact: Redact) {
  if (typeof input !== "object" || input === null || !("command" in input)) return undefined;
  const { command } = input;
  if (typeof command !== "string") return undefined;
  const { isCheck, tells } = readCommand(command);
  if (!isCheck) return undefined;
  const inBackground = "run_in_background" in input && input.run_in_background === true;
  // Redacted before it is cut: half a secret is not found any more.
  const line = [
    ...redact(command)
      .replace(/[\s\p{C}]+/gu, " ")
      .trim(),
  ];
  const shown = line.length > maxCommandCharacters ? [...line.slice(0, maxCommandCharacters - 1), "…"] : line;
  return { command: shown.join(""), tells: tells && !inBackground };
}

/** As Claude Code (2.1.330, seen) words it. Undefined where the command did not run: it was denied, or rejected. */
function endOf(said: string, isError: boolean): End | undefined {
  if (!isError)
    return /^Command (?:running|is running|was moved)\b.{0,40}\bbackground/i.test(said)
      ? unknown
      : { result: "passed" };
  const code = /^Exit code (\d{1,3})\b/.exec(said)?.[1];
  return code === undefined ? undefined : { result: "failed", exit_code: Number(code) };
}

function textOf(content: unknown): string {
  if (typeof content === "string") return content.slice(0, 200);
  const first: unknown = Array.isArray(content) ? content[0] : undefined;
  const isText = typeof first === "object" && first !== null && "text" in first && typeof first.text === "string";
  return isText ? String(first.text).slice(0, 200) : "";
}

/** The last result counts; of more commands than are kept, those that ran longest ago go. */
function withRun(done: readonly Check[], { command, ...end }: Omit<Check, "runs">): readonly Check[] {
  const runs = (done.find((check) => check.command === command)?.runs ?? 0) + 1;
  return [...done.filter((check) => check.command !== command), { command, ...end, runs }].slice(-maxChecks);
}
