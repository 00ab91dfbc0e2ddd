import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { type Random, seeded } from "../test/support/random.ts";

/** How much a generated repository holds. */
export type Size = Readonly<{ files: number; commits: number }>;

export type BigRepository = Readonly<{
  /** A bare repository with one branch, `main`. */
  path: string;
  /** Adds commits on top. @returns the new head. */
  advance: (commits: number) => Promise<string>;
  head: () => string;
}>;

/** Files that each commit after the first changes. */
const changesPerCommit = 5;
const author = "Bench <bench@localhost>";
/** 2026-01-01; a minute between commits. */
const firstSecond = 1_767_225_600;

/** Makes a repository of text files, the same commits each time. Imported as one stream (git-fast-import(1)): seconds. */
export async function makeBigRepository(path: string, { files, commits }: Size): Promise<BigRepository> {
  mkdirSync(path, { recursive: true });
  const git = (...args: readonly string[]) =>
    execFileSync("git", args, { cwd: path, env: plainEnv(), encoding: "utf8" });
  git("init", "--quiet", "--bare", "-b", "main");
  const random = seeded(20_000);
  let made = 0;
  const advance = async (more: number): Promise<string> => {
    await fastImport(path, history({ files, random, from: made, to: made + more }));
    made += more;
    return git("rev-parse", "refs/heads/main").trim();
  };
  await advance(commits);
  return { path, advance, head: () => git("rev-parse", "refs/heads/main").trim() };
}

/** Neither the person's nor the machine's git settings count. */
export const plainEnv = (): NodeJS.ProcessEnv => ({
  PATH: process.env["PATH"],
  HOME: "/nonexistent",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
});

type Part = Readonly<{ files: number; random: Random; from: number; to: number }>;

/** The commits `from` to `to` as fast-import reads them. */
function* history({ files, random, from, to }: Part): Generator<string> {
  for (let number = from; number < to; number += 1) {
    const message = `change ${number}\n`;
    yield `commit refs/heads/main\ncommitter ${author} ${firstSecond + 60 * number} +0000\n${data(message)}`;
    if (number > 0 && number === from) yield "from refs/heads/main^0\n";
    if (number === 0) for (let file = 0; file < files; file += 1) yield entry(file, 0, random);
    else for (let change = 0; change < changesPerCommit; change += 1) yield entry(random.below(files), number, random);
    yield "\n";
  }
}

const entry = (file: number, version: number, random: Random): string =>
  `M 100644 inline ${pathOf(file)}\n${data(content(file, version, random))}`;

/** All text is ASCII, so its length is its number of bytes. */
const data = (text: string): string => `data ${text.length}\n${text}\n`;

/** Folders of 50, in 40 packages. */
export const pathOf = (file: number): string =>
  `packages/p${file % 40}/src/d${Math.floor(file / 2_000)}/file${file}.ts`;

/** About 5 KB on average, as source files are: most are small. */
function content(file: number, version: number, random: Random): string {
  const lines = 10 + Math.floor(260 * random.next() * random.next() * 1.6);
  const text = [`// file ${file}, version ${version}`];
  for (let line = 0; line < lines; line += 1)
    text.push(
      `export const value${line} = call${random.below(1_000)}("${random.below(2 ** 31).toString(36)}", ${line});`,
    );
  return `${text.join("\n")}\n`;
}

/** @throws Error with git's words. */
async function fastImport(path: string, stream: Iterable<string>): Promise<void> {
  const git: ChildProcess = spawn("git", ["fast-import", "--quiet", "--depth=10"], {
    cwd: path,
    env: plainEnv(),
    stdio: ["pipe", "ignore", "pipe"],
  });
  let said = "";
  git.stderr?.on("data", (chunk: Buffer) => (said += chunk));
  const exited = once(git, "exit");
  const input = git.stdin;
  if (!input) throw new Error("git fast-import has no input");
  input.on("error", () => undefined); // told by the exit
  let chunk = "";
  for (const piece of stream) {
    chunk += piece;
    if (chunk.length < 256 * 1024) continue;
    if (!input.write(chunk)) await Promise.race([once(input, "drain"), exited]);
    chunk = "";
  }
  input.end(chunk);
  const [code] = await exited;
  if (code !== 0) throw new Error(`git fast-import ended with ${code}: ${said}`);
}
