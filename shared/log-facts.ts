import type { LogFacts } from "./log.ts";

/** Facts as JSON can tell them: an Error has no enumerable fields, and would be `{}`. */
export const plainFacts = (facts: LogFacts = {}): Record<string, unknown> =>
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
