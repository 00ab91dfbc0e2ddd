import { execFileSync } from "node:child_process";
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ClaudeOptions, type ClaudeRun, type Done, runClaude, startClaude } from "./claude-cli.ts";
import { killProcessesWith, processesWith } from "./leftovers.ts";

/** A fresh home and git repository with one commit; at its end every process started from it is gone. */
export type Desk = Readonly<{
  repo: string;
  home: string;
  touch: (file: string) => void;
  git: (...args: readonly string[]) => string;
  start: (more?: Partial<ClaudeOptions>) => ClaudeRun;
  run: (task: string, more?: Partial<ClaudeOptions>) => Promise<Done>;
  read: (file: string) => string;
  /** What the CLI has kept of the session so far; empty before it is there. */
  transcript: (session: string) => string;
  /** Processes that the CLI or its tools started here and that still live. */
  processes: () => readonly number[];
  killAll: () => void;
}> &
  AsyncDisposable;

export function openDesk(url: string): Desk {
  const home = mkdtempSync(join(tmpdir(), "agenticore-desk-"));
  const repo = join(home, "repo");
  mkdirSync(repo);
  const git = (...args: readonly string[]) =>
    execFileSync("git", ["-C", repo, ...args], { encoding: "utf8", env: { PATH: process.env["PATH"], ...identity } });
  writeFileSync(join(repo, "README.md"), "# Sample\n");
  git("init", "-q", "-b", "main");
  git("add", ".");
  git("commit", "-q", "-m", "docs: begin");
  const options = (more: Partial<ClaudeOptions> = {}): ClaudeOptions => ({
    url,
    cwd: repo,
    home,
    ...more,
    env: { [marker]: home, ...identity, ...more.env },
  });
  return {
    repo,
    home,
    git,
    touch: (file) => writeFileSync(join(repo, file), ""),
    read: (file) => readFileSync(join(repo, file), "utf8"),
    transcript: (session) =>
      globSync(join(home, `claude/projects/*/${session}.jsonl`))
        .map((path) => readFileSync(path, "utf8"))
        .join(""),
    start: (more) => startClaude(options(more)),
    run: (task, more) => runClaude(task, options(more)),
    processes: () => processesWith(marker, home),
    killAll: () => void killProcessesWith(marker, home),
    [Symbol.asyncDispose]: async () => {
      killProcessesWith(marker, home);
      rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

const marker = "AGENTICORE_TEST_DESK";

const identity = {
  GIT_AUTHOR_NAME: "Test",
  GIT_AUTHOR_EMAIL: "test@localhost",
  GIT_COMMITTER_NAME: "Test",
  GIT_COMMITTER_EMAIL: "test@localhost",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
};
