import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { CliContext } from "../../cli/context.ts";
import type { ExitCode } from "../../cli/exit-code.ts";
import { runCli } from "../../cli/main.ts";
import { printer } from "../../cli/print.ts";
import { systemClock } from "../../shared/clock.node.ts";

type Setting = Readonly<{
  env?: Record<string, string>;
  cwd?: string;
  input?: string;
  /** Columns of a terminal; absent: no terminal. */
  terminal?: number;
}>;
export type Ran = Readonly<{ code: ExitCode; out: string; err: string }>;

/** The CLI in this process: an empty home of its own, streams that are kept, signals by hand. */
export function aCli({ env = {}, cwd, input = "", terminal }: Setting = {}) {
  const home = mkdtempSync(join(tmpdir(), "agenticore-cli-"));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const written = { out: "", err: "" };
  const stream = (name: "out" | "err") => ({
    write: (text: string) => {
      written[name] += text;
    },
    ...(terminal === undefined ? {} : { isTTY: true, columns: terminal }),
  });
  const acts = new Set<(signal: NodeJS.Signals) => void>();
  const context: CliContext = {
    print: printer({ out: stream("out"), err: stream("err"), env }),
    env,
    cwd: cwd ?? home,
    home,
    hostName: "box",
    version: "0.1.0",
    root: join(import.meta.dirname, "../.."),
    clock: systemClock,
    fetch,
    readInput: async () => input,
    onSignal: (_, act) => {
      acts.add(act);
      return () => void acts.delete(act);
    },
  };
  return {
    home,
    context,
    written,
    signal: (signal: NodeJS.Signals) => {
      for (const act of acts) act(signal);
    },
    listeners: () => acts.size,
    async run(...argv: readonly string[]): Promise<Ran> {
      written.out = "";
      written.err = "";
      return { code: await runCli(argv, context), ...written };
    },
  };
}
