import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { type JobEvent, staleEvent } from "../../shared/event.ts";
import { EventsReply } from "../../shared/reply.ts";
import { encodeSse, sseKeepAlive } from "../../shared/sse.ts";
import type { ApiEnv } from "../asked.ts";
import type { ApiDeps } from "../deps.ts";
import { type Followed, followEvents, openEvents, readEvents } from "../events.ts";
import { jobId } from "../jobs.ts";
import { jobPath, json, problems } from "../openapi.ts";
import { sharedPages } from "../shared-pages.ts";
import { sharedWatches } from "../shared-watches.ts";
import { askingMeanwhile } from "./asking.ts";

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
  const together = { read: sharedPages(deps), watch: sharedWatches(deps) };
  const frame = framesOf();
  app.openapi(events, async (c) => {
    const { id } = c.req.valid("param");
    const after = c.req.header("last-event-id") || c.req.valid("query").after;
    const query = { id, ...(after === undefined ? {} : { after }) };
    c.header("vary", "Accept");
    if (wantsPage(c.req.header("accept") ?? "")) {
      const page = await readEvents(deps, query, askingMeanwhile(c));
      const body = { success: true as const, events: [...page.events] };
      return c.json(page.next === undefined ? body : { ...body, next: page.next }, 200);
    }
    const start = await openEvents(deps, query, askingMeanwhile(c));
    if ("page" in start && start.page.events.length === 0 && start.page.next === undefined) return c.body(null, 204);
    const stop = new AbortController();
    const source = followEvents(deps, { id: jobId(id), start, ...together }, stop.signal);
    // What a proxy buffers is no stream.
    c.header("x-accel-buffering", "no");
    c.header("content-type", "text/event-stream; charset=utf-8");
    const failed = (error: unknown) => deps.log.warn("event stream broke off", { job: id, error });
    return c.body(frames({ source, frame, failed }, stop));
  });
}

/** A stream is what is given where nothing says otherwise. */
const wantsPage = (accept: string): boolean =>
  /\bapplication\/json\b/i.test(accept) && !/\btext\/event-stream\b/i.test(accept);

/** What is written of a value; of an event that many streams tell of, once for all. */
function framesOf(): (value: Followed) => string {
  const known = new WeakMap<JobEvent, string>();
  return (value) => {
    if (!value) return sseKeepAlive;
    if ("stale" in value) return encodeSse({ event: staleEvent, data: JSON.stringify(value) });
    const frame = known.get(value) ?? encodeSse({ id: value.id, event: value.type, data: JSON.stringify(value) });
    known.set(value, frame);
    return frame;
  };
}

type Told = Readonly<{
  source: AsyncGenerator<Followed>;
  frame: (value: Followed) => string;
  failed: (error: unknown) => void;
}>;

/** Pulled by the reader: a slow one holds back the reading, not our memory. */
function frames({ source, frame, failed }: Told, stop: AbortController): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream(
    {
      start: (controller) => controller.enqueue(encoder.encode("retry: 1000\n\n")),
      pull: async (controller) => {
        try {
          const { done, value } = await source.next();
          if (stop.signal.aborted) return;
          if (done) return controller.close();
          controller.enqueue(encoder.encode(frame(value)));
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
