import type { Context, ErrorHandler, MiddlewareHandler } from "hono";
import type { ApiEnv } from "./asked.ts";

/** A part of what comes before each route. A promise is waited for. */
export type Step = Readonly<{
  /** What it throws is the answer, and nothing behind it happens. */
  before?: (c: Context<ApiEnv>) => unknown;
  /** Once there is an answer, unless its own `before` has thrown. */
  after?: (c: Context<ApiEnv>) => unknown;
}>;

/**
 * Several steps as one middleware, which waits only where there is something to wait for: each middleware of its own costs
 * every request two promises and two closures. What is to be done afterwards is done in reverse order, also where a later
 * step throws; that is an answer by then, as an error of a route is.
 */
export function inTurn(steps: readonly Step[], answerError: ErrorHandler<ApiEnv>): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    let done = 0;
    try {
      for (; done < steps.length; done += 1) {
        const going = steps[done]?.before?.(c);
        if (going instanceof Promise) await going;
      }
      await next();
    } catch (error) {
      c.res = await answerError(error as Error, c);
    }
    for (; done > 0; done -= 1) {
      const going = steps[done - 1]?.after?.(c);
      if (going instanceof Promise) await going;
    }
  };
}
