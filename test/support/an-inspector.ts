import { cpSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { execa } from "execa";

const lock = resolve(import.meta.dirname, "../fixtures/inspector");
const place = resolve(import.meta.dirname, "../../.cache/inspector");

/** What the inspector said, and its exit code. */
export type Inspected = Readonly<{ code: number | undefined; said: string; answer: Record<string, unknown> }>;

/**
 * The command line of `@modelcontextprotocol/inspector`, installed by a lock of its own: it brings a hundred packages for
 * its pages, which no checkout needs otherwise. The place is a cache.
 * @returns a call of it, with the arguments behind `--cli`.
 */
export async function anInspector(): Promise<(...args: readonly string[]) => Promise<Inspected>> {
  const wanted = readFileSync(join(lock, "package-lock.json"), "utf8");
  const program = join(place, "node_modules/.bin/mcp-inspector");
  const isThere = existsSync(program) && readFileSync(join(place, "package-lock.json"), "utf8") === wanted;
  if (!isThere) {
    mkdirSync(place, { recursive: true });
    cpSync(lock, place, { recursive: true });
    await execa("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], {
      cwd: place,
      timeout: 300_000,
    });
  }
  return async (...args) => {
    const { exitCode, stdout, stderr } = await execa(
      process.execPath,
      [program, "--cli", "--connect-timeout", "60000", "--format", "json", ...args],
      { reject: false, timeout: 120_000, stdin: "ignore" },
    );
    return { code: exitCode, said: `${stdout}\n${stderr}`, answer: answerIn(`${stdout}\n${stderr}`) };
  };
}

/** The `result` or `error` of the one answer that it prints. */
function answerIn(said: string): Record<string, unknown> {
  const line = said.split("\n").find((each) => each.startsWith("{"));
  return line === undefined ? {} : (JSON.parse(line) as Record<string, unknown>);
}
