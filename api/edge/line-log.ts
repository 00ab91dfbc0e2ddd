import { iso } from "../../shared/clock.ts";
import type { Log, LogFacts } from "../../shared/log.ts";
import { plainFacts } from "../../shared/log-facts.ts";
import type { Redact } from "../../shared/redact.ts";

const levels = ["debug", "info", "warn", "error"] as const;
type Level = (typeof levels)[number];
type Options = Readonly<{
  level: Level;
  redact: Redact;
  now: () => number;
  /** Takes one line, without its end. */
  write: (level: Level, line: string) => void;
  /** In every line. */
  facts?: LogFacts;
}>;

/** The same lines as `jsonLog`, where there is no Node. */
export function lineLog(options: Options): Log {
  const { level: least, redact, now, write, facts: common = {} } = options;
  const at = (level: Level) => (msg: string, facts?: LogFacts) => {
    if (levels.indexOf(level) < levels.indexOf(least)) return;
    write(level, redact(JSON.stringify({ level, time: iso(now()), ...plainFacts({ ...common, ...facts }), msg })));
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (facts) => lineLog({ ...options, facts: { ...common, ...facts } }),
  };
}
