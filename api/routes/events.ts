import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { JobEvent } from "../../shared/event.ts";
import { EventsReply } from "../../shared/reply.ts";
import { encodeSse, sseKeepAlive } from "../../shared/sse.ts";
import type { ApiDeps, ApiEnv } from "../deps.ts";
import { followEvents, readEvents } from "../events.ts";
import { jobId } from "../jobs.ts";
import { jobPath, json, problems } from "../openapi.ts";
import { asking } from "./asking.ts";

const events = createRoute({
  method: "get",
  path: "/jobs/{id}/events",
  operationId: "readEvents",
  tags: ["jobs"],
  summary: "Follow a job",
  description:
    "Server-sent events, each with an id: a client that reconnects sends the last one as `Last-Event-ID` and misses nothing. " +
    "The stream ends after the terminal event; asked for more, it answers 204, which ends an EventSource. " +
    "With `Accept: application/json`: one page of at most 500 events; `next` is absent at the end of a terminal job.",
  request: {
    params: jobPath,
    headers: z.object({
      "last-event-id": z.string().optional().openapi({ description: "Events behind this one; goes before `after`." }),
    }),
    query: z.strictObject({
      after: z.string({ error: "must be given once" }).min(1).max(256).optional().openapi({
        description: "Events behind this id, or behind the `next` of a page.",
      }),
    }),
  },
  responses: {
    200: {
      description: "The events.",
      content: { ...json(EventsReply, "").content, "text/event-stream": { schema: z.string() } },
    },
    204: { description: "A terminal job has no events behind this one." },
    ...problems(400, 404),
  },
});

export function eventRoutes(deps: ApiDeps, app: OpenAPIHono<ApiEnv>): void {
  app.openapi(events, async (c) => {
    const { id } = c.req.valid("param");
    const after = c.req.header("last-event-id") || c.req.valid("query").after;
    const page = await readEvents(deps, { id, ...(after === undefined ? {} : { after }) }, asking(c));
    c.header("vary", "Accept");
    if (wantsPage(c.req.header("accept") ?? "")) {
      const body = { success: true as const, events: [...page.events] };
      return c.json(page.next === undefined ? body : { ...body, next: page.next }, 200);
    }
    if (page.events.length === 0 && page.next === undefined) return c.body(null, 204);
    const stop = new AbortController();
    const source = followEvents(deps, { id: jobId(id), first: page }, stop.signal);
    // What a proxy buffers is no stream.
    c.header("x-accel-buffering", "no");
    c.header("content-type", "text/event-stream; charset=utf-8");
    return c.body(frames(source, stop, (error) => deps.log.warn("event stream broke off", { job: id, error })));
  });
}

/** A stream is what is given where nothing says otherwise. */
const wantsPage = (accept: string): boolean =>
  /\bapplication\/json\b/i.test(accept) && !/\btext\/event-stream\b/i.test(accept);

/** Pulled by the reader: a slow one holds back the reading, not our memory. */
function frames(
  source: AsyncGenerator<JobEvent | undefined>,
  stop: AbortController,
  failed: (error: unknown) => void,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream(
    {
      start: (controller) => controller.enqueue(encoder.encode("retry: 1000\n\n")),
      pull: async (controller) => {
        try {
          const { done, value } = await source.next();
          if (stop.signal.aborted) return;
          if (done) return controller.close();
          const frame = value
            ? encodeSse({ id: value.id, event: value.type, data: JSON.stringify(value) })
            : sseKeepAlive;
          controller.enqueue(encoder.encode(frame));
        } catch (error) {
          if (stop.signal.aborted) return;
          // The client comes back with its last id; the reason is for the log.
          failed(error);
          controller.close();
        }
      },
      cancel: async () => {
        stop.abort();
        await source.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}
