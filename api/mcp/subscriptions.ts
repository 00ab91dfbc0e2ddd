import type { ServerEventBus } from "@modelcontextprotocol/server";
import { z } from "zod";
import { AppError } from "../../shared/error.ts";
import type { JobEvent } from "../../shared/event.ts";
import { awaitEvents } from "../await-events.ts";
import type { ApiDeps } from "../deps.ts";
import type { Asking } from "../jobs.ts";
import { linkSignals } from "../link-signals.ts";
import { jobResource } from "./resources.ts";

const maxUris = 100;
const Listen = z.object({
  params: z.object({ notifications: z.object({ resourceSubscriptions: z.array(z.string()).optional() }) }),
});

/** The resources that a `subscriptions/listen` names; none for any other request. */
export const subscribedUris = (message: unknown): readonly string[] =>
  [...new Set(Listen.safeParse(message).data?.params.notifications.resourceSubscriptions)].slice(0, maxUris);

type Subscription = Readonly<{ uris: readonly string[]; asking: Asking /** Ends the stream. */; close: () => void }>;

/**
 * Tells one stream of changes of its caller's jobs, as the store tells them: by whichever instance they were made. What is
 * not the caller's is silent, as what never changes is.
 */
export function jobBus(deps: ApiDeps, { uris, asking, close }: Subscription): ServerEventBus {
  return {
    publish: () => undefined,
    subscribe: (listener) => {
      const over = linkSignals(asking.signal, deps.stopping);
      over.signal.addEventListener("abort", close, { once: true });
      if (deps.streamMs !== undefined) void deps.clock.sleep(deps.streamMs, over.signal).then(close);
      for (const uri of uris)
        void watch(deps, uri, {
          asking: { ...asking, signal: over.signal },
          changed: () => listener({ kind: "resource_updated", uri }),
        });
      return () => over[Symbol.dispose]();
    },
  };
}

type Watch = Readonly<{ asking: Asking & Readonly<{ signal: AbortSignal }>; changed: () => void }>;

/** Until the job has ended or the signal aborts; a store that is away is asked again. Never rejects. */
async function watch(deps: ApiDeps, uri: string, { asking, changed }: Watch): Promise<void> {
  const { id, part } = jobResource(uri) ?? {};
  if (id === undefined) return;
  // What comes while the first page is read is news too; once too often is no harm, and clocks of two machines differ.
  const since = deps.clock.now() - 5_000;
  const concerns = ({ type }: JobEvent) => part !== "diff" || /^(?:work|pr|branch|job)\./.test(type);
  let isNews = false;
  for (let after: string | undefined; !asking.signal.aborted; ) {
    try {
      const query = { id, seconds: isNews ? 30 : 0, limit: 500, until: "event" } as const;
      const { events, next } = await awaitEvents(deps, { ...query, ...(after === undefined ? {} : { after }) }, asking);
      if (asking.signal.aborted) return;
      if (events.some((event) => concerns(event) && (isNews || Date.parse(event.at) >= since))) changed();
      if (next === undefined) return;
      after = next;
      isNews ||= events.length === 0;
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "store_unavailable") return;
      await deps.clock.sleep(5_000, asking.signal);
    }
  }
}
