import { type DestinationStream, destination, type Logger, pino } from "pino";
import type { Log } from "./log.ts";
import { plainFacts } from "./log-facts.ts";
import type { Redact } from "./redact.ts";

type Options = Readonly<{
  level: "debug" | "info" | "warn" | "error";
  redact: Redact;
  /** Standard error where absent: standard output belongs to data. */
  to?: DestinationStream;
}>;

/** One JSON object per line, without secrets: `level` as a word, `time` in RFC 3339, `msg`, and the facts. */
export function jsonLog({ level, redact, to }: Options): Log {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: redact },
    },
    // Synchronous, so that the last line before a crash is there.
    to ?? destination({ fd: 2, sync: true }),
  );
  return over(logger);
}

const over = (logger: Logger): Log => ({
  debug: (message, facts) => logger.debug(plainFacts(facts), message),
  info: (message, facts) => logger.info(plainFacts(facts), message),
  warn: (message, facts) => logger.warn(plainFacts(facts), message),
  error: (message, facts) => logger.error(plainFacts(facts), message),
  child: (facts) => over(logger.child(plainFacts(facts))),
});
