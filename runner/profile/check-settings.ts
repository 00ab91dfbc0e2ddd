import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { type FindFacts, findClaude } from "../claude/find-claude.ts";
import { isTree, type Tree } from "./deep-merge.ts";

/** What the installed Claude finds wrong with these settings, as `model: Expected string, but received number`. */
export type CheckSettings = (settings: Tree) => Promise<readonly string[]>;

/**
 * Asks `claude doctor`, once for the same settings and program, one at a time. Where it does not answer, as older ones do
 * not without a terminal, nothing is wrong that anybody knows of.
 */
export function settingsChecker(where: FindFacts): CheckSettings {
  const known = new Map<string, Promise<readonly string[]>>();
  let last: Promise<unknown> = Promise.resolve();
  return async (settings) => {
    if (isPlain(settings)) return [];
    const program = await findClaude(where).catch(() => undefined);
    if (program === undefined) return [];
    const { size, mtimeMs } = await stat(program);
    const key = `${program} ${size} ${mtimeMs} ${JSON.stringify(settings)}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const asked = last.then(() => ask(program, settings)).catch(() => []);
    last = asked;
    if (known.size >= maxKnown) known.clear();
    known.set(key, asked);
    return asked;
  };
}

const maxKnown = 1_000;

/** All of it has been looked at here already: `SettingsShape`. */
const isPlain = ({ permissions, hooks: _hooks, env: _env, ...rest }: Tree): boolean =>
  Object.keys(rest).length === 0 &&
  (permissions === undefined ||
    (isTree(permissions) &&
      Object.keys(permissions).every((key) =>
        ["allow", "deny", "ask", "additionalDirectories", "defaultMode"].includes(key),
      )));

async function ask(program: string, settings: Tree): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), "agenticore-settings-"));
  try {
    const file = join(folder, "settings.json");
    await writeFile(file, JSON.stringify(settings), { mode: 0o600 });
    const { stdout = "" } = await execa(program, ["doctor"], {
      cwd: folder,
      reject: false,
      timeout: 20_000,
      forceKillAfterDelay: 1_000,
      stdin: "ignore",
      extendEnv: false,
      env: { HOME: folder, CLAUDE_CONFIG_DIR: folder, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1" },
    });
    return readMistakes(stdout, file);
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** What `claude doctor` (2.1.330) says below "Invalid settings" of this file. */
export const readMistakes = (said: string, file: string): readonly string[] =>
  said.split("\n").flatMap((line) => {
    const [, rest] = line.trim().split(`${file} › `);
    return rest === undefined ? [] : [rest];
  });
