import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fakeClaude } from "./fake-claude.ts";
import { type Kept, keepProcess } from "./keep-process.ts";

const checkout = resolve(import.meta.dirname, "../..");
export const program = resolve(checkout, "bin/agenticore.js");

/** A machine of its own, as far as one machine can play it: a home, a clock, a way to the store. */
export type Box = Readonly<{
  kept: Kept;
  home: string;
  /** Sets its wall clock that many seconds ahead; undefined where that cannot be played. */
  shiftClock?: (seconds: number) => void;
}>;
export type Api = Readonly<{ kept: Kept; url: string }>;

/** What all parts of one run share. */
export type Ground = Readonly<{
  /** Not below /tmp, which jobs see as their own. */
  folder: string;
  /** Where each fake Claude writes its life. */
  life: string;
  repo: string;
  leaseMs: number;
}>;

/** apt: libfaketime. Without it the clock jumps are left to the simulation. */
export const faketime = [
  "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
  "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
].find((path) => existsSync(path));

type BoxOptions = Readonly<{
  name: string;
  command: readonly string[];
  env: Readonly<Record<string, string>>;
}>;

/** A command of ours in a home of its own, started again whenever it ends. */
export function openBox({ folder, repo, leaseMs }: Ground, { name, command, env }: BoxOptions): Box {
  const home = join(folder, name);
  mkdirSync(join(home, "t"), { recursive: true });
  const clock = join(home, "clock");
  writeFileSync(clock, "+0\n");
  const kept = keepProcess({
    name,
    argv: [process.execPath, program, ...command],
    log: join(folder, `${name}.log`),
    env: {
      PATH: process.env["PATH"] ?? "/usr/bin:/bin",
      HOME: home,
      TMPDIR: join(home, "t"),
      LANG: "C.UTF-8",
      AGENTICORE_ALLOWED_REPOS: repo,
      AGENTICORE_LEASE_SECONDS: String(leaseMs / 1000),
      AGENTICORE_MAX_ATTEMPTS: "10",
      ...(faketime === undefined ? {} : faked(faketime, clock)),
      ...env,
    },
  });
  const shiftClock = (seconds: number) => writeFileSync(clock, `${seconds < 0 ? "" : "+"}${seconds}\n`);
  return { kept, home, ...(faketime === undefined ? {} : { shiftClock }) };
}

/** Claude is the fake one, which gets the life log through the allow-list of its environment. */
export const runnerEnv = ({ life }: Ground, at: number): Readonly<Record<string, string>> => ({
  AGENTICORE_CLAUDE_BINARY: fakeClaude,
  ANTHROPIC_API_KEY: "none-is-needed",
  AGENTICORE_CLAUDE_ENV: "CHAOS_LIFE",
  CHAOS_LIFE: life,
  AGENTICORE_POD_NAME: `box-${at}`,
  AGENTICORE_RETENTION_FAILED: "0",
  // Both kinds of process trees have to hold.
  AGENTICORE_SANDBOX: at % 4 < 2 ? "none" : "auto",
});

/** Leases count the boot clock: only the wall clock jumps, as it does on a real box (github.com/wolfcw/libfaketime). */
const faked = (library: string, file: string): Readonly<Record<string, string>> => ({
  LD_PRELOAD: library,
  FAKETIME_TIMESTAMP_FILE: file,
  FAKETIME_NO_CACHE: "1",
  FAKETIME_DONT_FAKE_MONOTONIC: "1",
});
