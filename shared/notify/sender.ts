import type { Notice } from "../notice-store.ts";
import { deliver, leaseMs, type NotifyDeps, postpone } from "./deliver.ts";

/** Taken together. */
const batch = 10;
/** Requests at once, of all and of a host that did not answer the last one in time: so nobody holds up the others. */
const slots = 32;
const slotsOfSilent = 2;

type SenderDeps = NotifyDeps & Readonly<{ onRetry?: (inMs: number) => void }>;

/** Sends notices, each under a lease; those of one job or host do not wait for each other. */
export function openSender(deps: SenderDeps, stop?: AbortSignal) {
  const { store, log, onRetry = () => undefined } = deps;
  const underWay = new Set<Promise<void>>();
  const silent = new Set<string>();
  const busy = new Map<string, number>();

  async function send(notice: Notice): Promise<void> {
    const host = hostOf(notice.url);
    const requests = busy.get(host) ?? 0;
    const isHopeless = silent.has(host) && requests >= slotsOfSilent;
    busy.set(host, requests + 1);
    try {
      const { retryMs, isSilent } = isHopeless ? await postpone(deps, notice) : await deliver(deps, notice, stop);
      if (retryMs !== undefined) onRetry(retryMs);
      if (isSilent) silent.add(host);
      else silent.delete(host);
    } catch (error) {
      onRetry(leaseMs);
      log.warn("what became of a notification could not be noted: it is sent again", { notice: notice.id, error });
    } finally {
      const left = (busy.get(host) ?? 1) - 1;
      if (left > 0) busy.set(host, left);
      else busy.delete(host);
    }
  }

  return {
    /** Takes what is due, at most so many, and begins to send it. @throws AppError `store_unavailable`. */
    sendDue: async (most = Number.POSITIVE_INFINITY): Promise<void> => {
      for (let left = most; left > 0 && !stop?.aborted; ) {
        while (underWay.size >= slots) await Promise.race(underWay);
        const limit = Math.min(batch, left, slots - underWay.size);
        const notices = await store.takeNotices({ limit, leaseMs });
        for (const notice of notices) {
          const sending = send(notice).finally(() => underWay.delete(sending));
          underWay.add(sending);
        }
        if (notices.length < limit) return;
        left -= limit;
      }
    },
    /** Once all that was begun is over. */
    idle: async (): Promise<void> => {
      while (underWay.size > 0) await Promise.race(underWay);
    },
  };
}

/**
 * Sends the notices that are due until there are no more, `most` are sent (200 by default), or the signal aborts.
 * @throws AppError `store_unavailable`.
 */
export async function deliverNotices(
  { most = 200, ...deps }: NotifyDeps & Readonly<{ most?: number }>,
  stop?: AbortSignal,
): Promise<void> {
  const sender = openSender(deps, stop);
  try {
    await sender.sendDue(most);
  } finally {
    await sender.idle();
  }
}

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : "");
