import type { Context } from "hono";
import { isStream, isWhole } from "../answer-headers.ts";
import type { ApiEnv } from "../asked.ts";
import type { ApiDeps } from "../deps.ts";
import type { Step } from "../in-turn.ts";

/** How often an open stream's key is looked at again, in milliseconds. */
const lookMs = 30_000;

/**
 * Ends an event stream once the key or token that opened it opens nothing any more: it was revoked or has expired. For
 * the streams of every door. While that cannot be found out the stream goes on.
 */
export function endStreams({ clock, log }: ApiDeps): Step {
  const after = (c: Context<ApiEnv>): void => {
    const { credential, caller, requestId } = c.get("asked");
    if (!credential || isWhole(c) || !isStream(c.res)) return;
    const { body } = c.res;
    if (!body) return;
    const { tenant, name: by, key } = caller;
    const facts = { request_id: requestId, path: c.req.path, tenant, by, ...(key ? { key } : {}) };
    const untilRefused = async (over: AbortSignal): Promise<void> => {
      do await clock.sleep(lookMs, over);
      while (!over.aborted && (await credential.isStillGood()));
      if (!over.aborted)
        log.warn("stream ended", { audit: "unauthorized", ...facts, reason: "its key or token is not valid any more" });
    };
    c.res = new Response(endable(body, untilRefused), c.res);
  };
  return { after };
}

/** The same stream, which also ends when the wait does: that begins with the reading, and its signal aborts with the end. */
function endable(
  body: ReadableStream<Uint8Array>,
  wait: (over: AbortSignal) => Promise<void>,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  const over = new AbortController();
  let isWatched = false;
  /** A read that is under way then ends as at the end of the stream. */
  const watch = (): Promise<void> =>
    wait(over.signal)
      .then(() => reader.cancel())
      .catch(() => undefined);
  return new ReadableStream(
    {
      pull: async (controller) => {
        if (!isWatched) void watch();
        isWatched = true;
        try {
          const { done, value } = await reader.read();
          if (!done) return controller.enqueue(value);
          controller.close();
        } catch (error) {
          controller.error(error);
        }
        over.abort();
      },
      cancel: async (reason) => {
        over.abort();
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
