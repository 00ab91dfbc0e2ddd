import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export type SampleProject = Readonly<{
  path: string;
  /** Trimmed output. @throws Error with git's words. */
  git: (...args: readonly string[]) => string;
}>;

/** A git repository with these files in one commit on `main`, and what a person has not committed yet. */
export function makeProject(
  path: string,
  files: Readonly<Record<string, string>>,
  uncommitted: Readonly<Record<string, string>>,
): SampleProject {
  const write = (contents: Readonly<Record<string, string>>) => {
    for (const [name, content] of Object.entries(contents)) writeFileSync(join(path, name), content);
  };
  // The person's own git settings (signing, hooks, templates) are no part of the demo.
  const env = { PATH: process.env["PATH"], GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" };
  const git = (...args: readonly string[]) => execFileSync("git", args, { cwd: path, env, encoding: "utf8" }).trimEnd();
  mkdirSync(path, { recursive: true });
  git("init", "-q", "-b", "main");
  git("config", "user.name", "Demo");
  git("config", "user.email", "demo@localhost");
  write(files);
  git("add", ".");
  git("commit", "-q", "-m", "feat: greet");
  write(uncommitted);
  return { path, git };
}
