import { realpathSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { simpleGit } from "simple-git";
import type { CliContext } from "./context.ts";
import { UsageError } from "./exit-code.ts";

type Place = Pick<CliContext, "env" | "home" | "cwd">;

/** Whether `-r` names a folder of this machine rather than an address: `user@host:path` and `scheme://` are addresses. */
export const isFolder = (repo: string): boolean =>
  /^[./~]/.test(repo) || !/^(?:[A-Za-z][A-Za-z0-9+.-]*:|[^/\s]+@[^/\s]+:)/.test(repo);

/**
 * The absolute path of the repository that a relative folder lies in.
 * @throws UsageError where there is no such folder.
 */
export async function absoluteRepo(repo: string, cli: Place): Promise<string> {
  const path = repo === "~" || repo.startsWith("~/") ? resolve(cli.home, repo.slice(2)) : resolve(cli.cwd, repo);
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isDirectory())
    throw new UsageError(`There is no folder ${path}; -r takes a folder or a repository's address.`);
  const real = realpathSync(path);
  // A subfolder means its repository; what git does not know is left for the server to judge.
  const top = await gitIn(real, cli.env)(["rev-parse", "--show-toplevel"]).catch(() => "");
  return top.trim() === "" ? real : top.replace(/\n$/, "");
}

/**
 * How many files of the person's own tree differ from its last commit. Undefined where git cannot tell.
 * Reading a repository can run programs that its configuration names: all of those are switched off.
 */
export async function uncommittedFiles(path: string, { env }: Pick<CliContext, "env">): Promise<number | undefined> {
  const git = gitIn(path, env);
  const named = ["config", "--name-only", "--null", "--get-regexp", "^filter\\..*\\.(clean|process)$"];
  // git exits with 1 where no name fits.
  const filters = (await git(named).catch(() => "")).split("\0").filter(Boolean);
  const settings = [
    ["core.fsmonitor", "false"],
    ["core.hooksPath", "/dev/null"],
    ...[...new Set(filters)].map((name) => [name, ""] as const),
  ] as const;
  const switchedOff = settings.flatMap(([name, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, name],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  const status = await git(["status", "--porcelain", "-z", "--no-renames", "--ignore-submodules=all"], {
    GIT_CONFIG_COUNT: String(settings.length),
    ...Object.fromEntries(switchedOff),
  }).catch(() => undefined);
  return status?.split("\0").filter(Boolean).length;
}

/** simple-git refuses these unless told; here they are what makes a foreign repository safe to read. */
const unsafe = {
  allowUnsafeConfigEnvCount: true,
  allowUnsafeFilter: true,
  allowUnsafeFsMonitor: true,
  allowUnsafeHooksPath: true,
};
/** Variables of a person's own that simple-git would refuse; `git status` and `git config` start none of them. */
const unused = /^(EDITOR|VISUAL|PAGER|SSH_ASKPASS|GIT_.*)$/;

function gitIn(cwd: string, env: CliContext["env"]) {
  // GIT_DIR and its like would point away from the folder that was named.
  const own = Object.fromEntries(
    Object.entries(env).filter((pair): pair is [string, string] => !unused.test(pair[0]) && pair[1] !== undefined),
  );
  return async (args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<string> =>
    await simpleGit({ baseDir: cwd, timeout: { block: 10_000 }, unsafe, allowEnvironment: Object.keys(more) })
      .env({ ...own, ...more })
      .raw(["--no-optional-locks", ...args]);
}
