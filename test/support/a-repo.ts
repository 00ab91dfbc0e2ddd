import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type SampleRepo = Readonly<{ path: string }> & AsyncDisposable;

/** A person's own repository: one commit on `main`, a clean tree. */
export async function sampleRepo(): Promise<SampleRepo> {
  const path = mkdtempSync(join(tmpdir(), "ac-repo-"));
  const git = (...args: readonly string[]) => execFileSync("git", args, { cwd: path, stdio: "pipe" });
  git("init", "-q", "-b", "main");
  git("config", "user.name", "Sample Person");
  git("config", "user.email", "sample@example.com");
  writeFileSync(join(path, "README.md"), "# Sample\n");
  git("add", "README.md");
  git("commit", "-q", "-m", "first");
  return { path, [Symbol.asyncDispose]: async () => rmSync(path, { recursive: true, force: true }) };
}
