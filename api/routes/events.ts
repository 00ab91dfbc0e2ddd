import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { staleEvent } from "../../shared/event.ts";
import { EventsReply } from "../../shared/reply.ts";
import { encodeSse, sseKeepAlive } from "../../shared/sse.ts";
import type { ApiDeps, ApiEnv } from "../deps.ts";
import { type Followed, followEvents, openEvents, readEvents } from "../events.ts";
import { jobId } from "../jobs.ts";
import { jobPath, json, problems } from "../openapi.ts";
import { sharedPages } from "../shared-pages.ts";
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
    "While the store is away the stream stays open and says so by a frame `stale`, which is no event and has no id. " +
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
  const read = sharedPages(deps);
  app.openapi(events, async (c) => {
    const { id } = c.req.valid("param");
    const after = c.req.header("last-event-id") || c.req.valid("query").after;
    const query = { id, ...(after === undefined ? {} : { after }) };
    c.header("vary", "Accept");
    if (wantsPage(c.req.header("accept") ?? "")) {
      const page = await readEvents(deps, query, asking(c));
      const body = { success: true as const, events: [...page.events] };
      return c.json(page.next === undefined ? body : { ...body, next: page.next }, 200);
    }
    const start = await openEvents(deps, query, asking(c));
    if ("page" in start && start.page.events.length === 0 && start.page.next === undefined) return c.body(null, 204);
    const stop = new AbortController();
    const source = followEvents(deps, { id: jobId(id), start, read }, stop.signal);
    // What a proxy buffers is no stream.
    c.header("x-accel-buffering", "no");
    c.header("content-type", "text/event-stream; charset=utf-8");
    return c.body(frames(source, stop, (error) => deps.log.warn("event stream broke off", { job: id, error })));
  });
}

/** A stream is what is given where nothing says otherwise. */
const wantsPage = (accept: string): boolean =>
  /\bapplication\/json\b/i.test(accept) && !/\btext\/event-stream\b/i.test(accept);

function frameOf(value: Followed): string {
  if (!value) return sseKeepAlive;
  const data = JSON.stringify(value);
  return "stale" in value
    ? encodeSse({ event: staleEvent, data })
    : encodeSse({ id: value.id, event: value.type, data });
}

/** Pulled by the reader: a slow one holds back the reading, not our memory. */
function frames(
  source: AsyncGenerator<Followed>,
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
          controller.enqueue(encoder.encode(frameOf(value)));
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
