import type { Log, LogFacts } from "../shared/log.ts";
import type { Redact } from "../shared/redact.ts";
import { harmless, type Print } from "./print.ts";

const levels = ["debug", "info", "warn", "error"] as const;
type Level = (typeof levels)[number];
type Options = Readonly<{ level: Level; redact: Redact; print: Print; now: () => number }>;

/** The log as a person at a terminal reads it: time, message, facts; programs get `jsonLog`. */
export function terminalLog(options: Options, fixed: LogFacts = {}): Log {
  const { level, redact, print, now } = options;
  const at =
    (own: Level) =>
    (message: string, facts: LogFacts = {}) => {
      if (levels.indexOf(own) < levels.indexOf(level)) return;
      const time = new Date(now()).toTimeString().slice(0, 8);
      const told = Object.entries({ ...fixed, ...facts }).map(([name, value]) => `${name}=${shown(value)}`);
      const text = harmless(redact([message, ...told].join(" ")));
      if (own === "warn") print.warn(`${time} ${text}`);
      else if (own === "error") print.error(`${time} ${text}`);
      else print.note(`${time} ${text}`);
    };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (facts) => terminalLog(options, { ...fixed, ...facts }),
  };
}

function shown(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(value.message);
  return typeof value === "string" && /^[\w./:@-]+$/.test(value) ? value : (JSON.stringify(value) ?? "undefined");
}
