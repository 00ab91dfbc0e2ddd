import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { resolve } from "node:path";
import { createInterface } from "node:readline";

/** The real CLI that the tests run: the pinned one, or the one that AGENTICORE_CLAUDE_BINARY names. */
export const claudeBinary = (): string =>
  process.env["AGENTICORE_CLAUDE_BINARY"] || resolve(import.meta.dirname, "../../node_modules/.bin/claude");

export type ClaudeOptions = Readonly<{
  /** Address of the scripted model. */
  url: string;
  cwd: string;
  /** Folder for HOME and CLAUDE_CONFIG_DIR; sessions are found again in it. */
  home: string;
  resume?: string;
  /** Replaces the permissions of `defaultPermissions`. */
  permissions?: readonly string[];
  args?: readonly string[];
  env?: Readonly<Record<string, string>>;
}>;

/** Edits inside the folder, and Bash: what the bundled profile `code` allows. */
const defaultPermissions = ["--permission-mode", "acceptEdits", "--allowedTools", "Bash", "Edit", "Write", "Read"];

/** One line of the CLI's output. */
export type ClaudeEvent = Readonly<Record<string, unknown>> & Readonly<{ type: string; subtype?: string }>;

/** A running CLI in stdin mode: it lives until `end`, or a signal. */
export type ClaudeRun = Readonly<{
  session: string;
  pid: number;
  events: () => readonly ClaudeEvent[];
  /** Sends a message of the user; the id is that of its replay event. */
  send: (text: string, more?: Readonly<Record<string, unknown>>) => string;
  interrupt: () => void;
  /** Asks something harmless: its `control_response` shows that every line before it was read. */
  interrogate: () => void;
  /** Closes stdin: the CLI ends after the turn. */
  end: () => void;
  kill: (signal: NodeJS.Signals) => void;
  /** The first event that fits. @throws Error with the CLI's stderr when none comes within the time. */
  waitFor: (fits: (event: ClaudeEvent) => boolean, deadlineMs?: number) => Promise<ClaudeEvent>;
  /** The last result, the exit code and stderr, once the CLI has ended. */
  ended: Promise<Ended>;
}>;
type Ended = Readonly<{
  code: number | null;
  signal: string | null;
  result: ClaudeEvent | undefined;
  stderr: string;
}>;

/** A run that is over. */
export type Done = Ended & Pick<ClaudeRun, "events" | "session">;

/** The real CLI against the scripted model, with a minimal environment and nothing of the person's own. */
export function startClaude(options: ClaudeOptions): ClaudeRun {
  const session = options.resume ?? randomUUID();
  const child = spawn(claudeBinary(), argumentsOf(options, session), {
    cwd: options.cwd,
    env: { ...environment(options), ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.on("error", () => undefined); // it may have ended: `ended` tells
  const output = follow(child);
  const write = (line: unknown) => void child.stdin.write(`${JSON.stringify(line)}\n`);
  const control = (subtype: string) =>
    write({ type: "control_request", request_id: randomUUID(), request: { subtype } });
  return {
    session,
    pid: child.pid ?? -1,
    events: output.events,
    send: (text, more = {}) => {
      const uuid = randomUUID();
      write({ type: "user", message: { role: "user", content: text }, uuid, ...more });
      return uuid;
    },
    interrupt: () => control("interrupt"),
    interrogate: () => control("mcp_status"),
    end: () => void child.stdin.end(),
    kill: (signal) => void child.kill(signal),
    waitFor: output.waitFor,
    ended: output.ended,
  };
}

/** One task from start to end. */
export async function runClaude(task: string, options: ClaudeOptions): Promise<Done> {
  const run = startClaude(options);
  run.send(task);
  await Promise.race([run.waitFor((event) => event.type === "result", 60_000), run.ended]);
  run.end();
  return { ...(await run.ended), events: run.events, session: run.session };
}

const argumentsOf = ({ resume, permissions, args }: ClaudeOptions, session: string): string[] => [
  ...["-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose", "--replay-user-messages"],
  ...(resume === undefined ? ["--session-id", session] : ["--resume", session]),
  ...["--setting-sources", "", "--strict-mcp-config"],
  ...(permissions ?? defaultPermissions),
  ...(args ?? []),
];

const environment = ({ url, home }: ClaudeOptions): Record<string, string> => ({
  PATH: process.env["PATH"] ?? "",
  HOME: home,
  TMPDIR: home,
  CLAUDE_CONFIG_DIR: `${home}/claude`,
  ANTHROPIC_BASE_URL: url,
  ANTHROPIC_API_KEY: "scripted",
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
  CLAUDE_CODE_DISABLE_AUTO_MEMORY: "1",
  CLAUDE_CODE_DISABLE_BACKGROUND_TASKS: "1",
  CLAUDE_CODE_MAX_RETRIES: "3",
  GIT_CONFIG_GLOBAL: "/dev/null",
});

function follow(child: ChildProcess): Pick<ClaudeRun, "events" | "waitFor" | "ended"> {
  const events: ClaudeEvent[] = [];
  const watchers = new Set<() => void>();
  let stderr = "";
  child.stderr?.on("data", (data) => {
    stderr += data;
  });
  if (child.stdout) {
    createInterface({ input: child.stdout }).on("line", (line) => {
      events.push(JSON.parse(line) as ClaudeEvent);
      for (const watch of watchers) watch();
    });
  }
  const ended = once(child, "close").then(([code, signal]) => {
    const result = events.findLast((event) => event.type === "result");
    return { code: code as number | null, signal: signal as string | null, result, stderr };
  });
  const types = () => events.map(({ type, subtype }) => (subtype ? `${type}/${subtype}` : type)).join(", ");
  return {
    events: () => [...events],
    ended,
    waitFor: (fits, deadlineMs = 60_000) =>
      new Promise((done, reject) => {
        const look = () => {
          const found = events.find(fits);
          if (found) end(() => done(found));
        };
        const fail = (why: string) => end(() => reject(new Error(`${why}; events: ${types()}; stderr: ${stderr}`)));
        const timer = setTimeout(() => fail(`no such event within ${deadlineMs} ms`), deadlineMs);
        const end = (settle: () => void) => {
          clearTimeout(timer);
          watchers.delete(look);
          settle();
        };
        watchers.add(look);
        look();
      }),
  };
}
