import type { Log, LogFacts } from "../../shared/log.ts";

/** Keeps what is logged, one line of JSON each. */
export function memoryLog(): Log & Readonly<{ lines: readonly string[] }> {
  const lines: string[] = [];
  const write = (level: string) => (message: string, facts?: LogFacts) =>
    void lines.push(JSON.stringify({ level, message, ...facts }));
  const log = { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
  const made: Log & { lines: readonly string[] } = { ...log, child: () => made, lines };
  return made;
}
