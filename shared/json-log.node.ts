import { type DestinationStream, destination, type Logger, pino } from "pino";
import type { Log, LogFacts } from "./log.ts";
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
  debug: (message, facts) => logger.debug(plain(facts), message),
  info: (message, facts) => logger.info(plain(facts), message),
  warn: (message, facts) => logger.warn(plain(facts), message),
  error: (message, facts) => logger.error(plain(facts), message),
  child: (facts) => over(logger.child(plain(facts))),
});

/** An Error has no enumerable fields: as JSON it would be `{}`. */
const plain = (facts: LogFacts = {}): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(facts).map(([name, value]) => [name, value instanceof Error ? told(value) : value]),
  );

function told(error: Error): Record<string, unknown> {
  return {
    name: error.name,
    message: error.message,
    ...("code" in error ? { code: error.code } : {}),
    stack: error.stack,
    ...(error.cause instanceof Error ? { cause: told(error.cause) } : {}),
  };
}
