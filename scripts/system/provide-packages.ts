import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** A program that must be there, and the package that has it. */
export type NeededPackage = Readonly<{
  name: string;
  program: string;
  /** The first major version that will do, as `PROGRAM --version` says it. */
  oldest?: number;
}>;

type Means = Readonly<{
  /** Where programs are looked for, apt-get(8) too. */
  path: string;
  isRoot: boolean;
  say: (sentence: string) => void;
}>;

/**
 * Uses what is there; else installs it where that is possible, without asking; else says what to install.
 * @returns whether all of it is there now.
 */
export async function providePackages(needed: readonly NeededPackage[], means: Means): Promise<boolean> {
  const { path, isRoot, say } = means;
  const missing = await lacking(needed, path);
  if (missing.length === 0) return true;
  const names = missing.map(({ name }) => name);
  const lines = [
    ["update", "-q"],
    ["install", "-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", ...names],
  ];
  const byHand = `apt-get update && apt-get install -y --no-install-recommends ${names.join(" ")}`;
  for (const { why } of missing) say(why);
  if (find("apt-get", path) === undefined) {
    say(`There is no apt-get here. Install with this system's package manager: ${names.join(", ")}.`);
    return false;
  }
  if (!isRoot) {
    say(`Only root may install it. Run as root: ${byHand}`);
    return false;
  }
  say(`Installing ${names.join(", ")}.`);
  for (const line of lines) {
    const code = await run(join(find("apt-get", path) ?? "", "apt-get"), line, path);
    if (code === 0) continue;
    say(`apt-get ${line[0]} ended with ${code}. Mend that, then run: ${byHand}`);
    return false;
  }
  const still = await lacking(missing, path);
  for (const { why } of still) say(`Also after installing: ${why}`);
  return still.length === 0;
}

type Lack = NeededPackage & Readonly<{ why: string }>;

async function lacking(needed: readonly NeededPackage[], path: string): Promise<Lack[]> {
  const looked = await Promise.all(needed.map(async (each) => ({ ...each, why: await whyNot(each, path) })));
  return looked.flatMap(({ why, ...each }) => (why === undefined ? [] : [{ ...each, why }]));
}

/** Undefined where it will do. */
async function whyNot({ program, oldest }: NeededPackage, path: string): Promise<string | undefined> {
  const wanted = oldest === undefined ? program : `${program} ${oldest} or newer`;
  const folder = find(program, path);
  if (folder === undefined) return `${wanted} is needed and was not found.`;
  if (oldest === undefined) return undefined;
  const said = await output(join(folder, program), path);
  const version = /\d+(?:\.\d+)+/.exec(said)?.[0];
  if (version === undefined) return `${wanted} is needed, and ${program} --version does not say which it is.`;
  return Number.parseInt(version, 10) < oldest ? `${wanted} is needed, and ${version} was found.` : undefined;
}

/** The first folder of the path with such a program. */
const find = (program: string, path: string): string | undefined =>
  path.split(delimiter).find((folder) => folder !== "" && isExecutable(join(folder, program)));

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The exit code; 1 where it could not be started. What apt-get says goes where messages go. */
const run = (program: string, args: readonly string[], path: string): Promise<number> =>
  new Promise((done) => {
    const child = spawn(program, args, {
      stdio: ["ignore", 2, "inherit"],
      env: { PATH: path, DEBIAN_FRONTEND: "noninteractive" },
    });
    child.on("error", () => done(1));
    child.on("exit", (code) => done(code ?? 1));
  });

const output = (program: string, path: string): Promise<string> =>
  new Promise((done) => {
    const child = spawn(program, ["--version"], { stdio: ["ignore", "pipe", "ignore"], env: { PATH: path } });
    let said = "";
    child.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    child.on("error", () => done(""));
    child.on("close", () => done(said));
  });
