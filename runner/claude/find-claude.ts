import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import { execa } from "execa";
import { AppError } from "../../shared/error.ts";

/** The oldest version that the runner is tested with. */
export const oldestTested = "2.1.197";

export type FindFacts = Readonly<{
  /** AGENTICORE_CLAUDE_BINARY: a name to look up, or a path. */
  binary: string;
  /** PATH as the runner was started with: in a checkout Claude Code is found in `node_modules/.bin`. */
  path: string;
  cwd: string;
}>;

/**
 * The absolute path of the program, so that what an agent puts into PATH or the worktree is never started.
 * @throws AppError `claude_not_found` that says where it was looked for.
 */
export async function findClaude({ binary, path, cwd }: FindFacts): Promise<string> {
  const folders = path.split(delimiter).filter((folder) => isAbsolute(folder));
  const places = binary.includes("/") ? [resolve(cwd, binary)] : folders.map((folder) => join(folder, binary));
  for (const place of places) if (await isProgram(place)) return place;
  const where = binary.includes("/")
    ? `${places[0]} is not a program that can be started`
    : `no "${binary}" is in PATH`;
  throw new AppError("claude_not_found", `Claude Code was not found: ${where}.`);
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/**
 * What `claude --version` says, as `2.1.330`.
 * @throws AppError `claude_not_found` when it does not start, or is not Claude Code.
 */
export async function claudeVersion(program: string, signal?: AbortSignal): Promise<string> {
  const { stdout, failed, shortMessage } = await execa(program, ["--version"], {
    reject: false,
    timeout: 20_000,
    stdin: "ignore",
    extendEnv: false,
    env: {},
    ...(signal ? { cancelSignal: signal } : {}),
  });
  const version = /^(\d+\.\d+\.\d+)\S* \(Claude Code\)/.exec(stdout ?? "")?.[1];
  if (version !== undefined) return version;
  const said = failed ? shortMessage : `it answers "${stdout.slice(0, 100)}"`;
  throw new AppError("claude_not_found", `${program} does not work as Claude Code: ${said}`);
}

/** Negative when `a` is older than `b`. */
export const compareVersions = (a: string, b: string): number => a.localeCompare(b, "en", { numeric: true });
