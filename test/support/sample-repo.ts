import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** The person's own repository, and git in it as the person runs it. */
export type PersonRepo = Readonly<{
  path: string;
  git: (...args: readonly string[]) => string;
  write: (file: string, text: string) => void;
  /** Writes, adds and commits; gives the commit's hash. */
  commit: (files: Readonly<Record<string, string>>, message?: string) => string;
  head: () => string;
}>;

/** A folder for one test, gone when it ends. */
export function scratch(): Readonly<{ path: string }> & Disposable {
  const path = realpathSync(mkdtempSync(join(tmpdir(), "ac-git-")));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** An environment in which neither this machine's nor this checkout's git settings count. */
export const plainGitEnv = (): NodeJS.ProcessEnv => ({
  PATH: process.env["PATH"],
  HOME: "/nonexistent",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_AUTHOR_DATE: "2026-01-01T00:00:00Z",
  GIT_COMMITTER_DATE: "2026-01-01T00:00:00Z",
});

export const gitIn =
  (path: string) =>
  (...args: readonly string[]): string =>
    execFileSync("git", ["-c", "safe.directory=*", ...args], {
      cwd: path,
      stdio: ["ignore", "pipe", "pipe"],
      env: plainGitEnv(),
      encoding: "utf8",
    }).trim();

/** A repository without commits. */
export function emptyRepo(path: string, branch = "main"): PersonRepo {
  mkdirSync(path, { recursive: true });
  const git = gitIn(path);
  git("init", "-q", "-b", branch);
  appendFileSync(join(path, ".git/config"), "[user]\n\tname = Sample Person\n\temail = sample@example.com\n");
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(path, file)), { recursive: true });
    writeFileSync(join(path, file), text);
  };
  const head = () => git("rev-parse", "HEAD");
  const commit = (files: Readonly<Record<string, string>>, message = "change") => {
    for (const [file, text] of Object.entries(files)) write(file, text);
    git("add", "-A", "-f");
    git("commit", "-q", "--no-verify", "-m", message);
    return head();
  };
  return { path, git, write, commit, head };
}

/** A repository with a few files and two commits on `main`. */
export function personRepo(path: string): PersonRepo {
  const repo = emptyRepo(path);
  importHistory(path);
  repo.git("reset", "-q", "--hard");
  return repo;
}

/** The same history in a bare repository, as a server has it. */
export function bareRepo(path: string): void {
  mkdirSync(path, { recursive: true });
  gitIn(path)("init", "-q", "--bare", "-b", "main");
  importHistory(path);
}

/** One git for both commits: every test of repositories begins with this. */
function importHistory(path: string): void {
  const first = {
    "README.md": "# Sample\n",
    "src/a.txt": "a\n",
    "src/b.txt": "b\n",
    ".gitignore": "ignored/\n*.log\n",
  };
  const history = importOf("first", first) + importOf("second", { "src/a.txt": "a\na\n" });
  execFileSync("git", ["fast-import", "--quiet"], { cwd: path, env: plainGitEnv(), input: history });
}

/** A commit on `main` for git-fast-import(1). */
function importOf(message: string, files: Readonly<Record<string, string>>): string {
  const head = `commit refs/heads/main\ncommitter Sample Person <sample@example.com> 1767225600 +0000\n`;
  const entries = Object.entries(files).map(
    ([name, text]) => `M 100644 inline ${name}\ndata ${text.length}\n${text}\n`,
  );
  return `${head}data ${message.length}\n${message}\n${entries.join("")}\n`;
}
