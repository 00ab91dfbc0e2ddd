import { type Clock, jittered } from "../clock.ts";
import type { Log } from "../log.ts";
import { type Notice, type NoticeOutcome, type NoticeStore, noticeLifeMs } from "../notice-store.ts";
import type { Redact } from "../redact.ts";
import type { Secret } from "../secret.ts";
import type { JobStore } from "../store.ts";
import { noticeBody } from "./notice-body.ts";
import { checkReceiver } from "./receivers.ts";
import { signatures } from "./signature.ts";

/**
 * Sends one POST and gives the status of the answer, whose body it does not read; follows no redirect.
 * @throws Error whose message is a sentence for whoever submitted the job.
 */
export type Post = (
  url: URL,
  message: Readonly<{ headers: Readonly<Record<string, string>>; body: string }>,
  signal: AbortSignal,
) => Promise<number>;

export type NotifyDeps = Readonly<{
  store: Omit<NoticeStore, "noticeCounts"> & Pick<JobStore, "get">;
  post: Post;
  allowed: readonly string[];
  isEdge?: boolean;
  secrets: readonly Secret[];
  redact: Redact;
  clock: Clock;
  log: Log;
  random: () => number;
  /** For one request, in milliseconds; 10 s by default. */
  timeoutMs?: number;
  /** How many notices one call sends at most; 200 by default. */
  most?: number;
}>;

/** Sent together; who takes them has them for twice as long as a request can last. */
const batch = 10;
const leaseMs = 20_000;

const second = 1_000;
const [minute, hour] = [60 * second, 3_600 * second];
/** Until the next request, by how many were made before; the last one again and again. */
const delays = [5 * second, 30 * second, 2 * minute, 10 * minute, hour, 2 * hour, 4 * hour];

/**
 * Sends the notices that are due, each under a lease, until there are no more, `most` are sent, or the signal aborts.
 * @throws AppError `store_unavailable`.
 */
export async function deliverNotices(deps: NotifyDeps, stop?: AbortSignal): Promise<void> {
  const { store, most = 200 } = deps;
  for (let left = most; left > 0 && !stop?.aborted; ) {
    const limit = Math.min(batch, left);
    const notices = await store.takeNotices({ limit, leaseMs });
    await Promise.all(notices.map((notice) => deliver(deps, notice, stop)));
    if (notices.length < limit) return;
    left -= limit;
  }
}

async function deliver(deps: NotifyDeps, notice: Notice, stop: AbortSignal | undefined): Promise<void> {
  const { store, log, random } = deps;
  const said = await request(deps, notice, stop);
  // What this process broke off itself is sent again by whoever has it next.
  if (stop?.aborted && said !== 200) return;
  const outcome = outcomeOf(said, notice, random);
  await store.settleNotice(notice, outcome);
  const facts = { job: notice.job, event: notice.event.type, notice: notice.id, attempt: notice.attempts + 1 };
  if (outcome.kind === "delivered") log.info("notified", facts);
  else log.warn("a notification was not taken", { ...facts, ...outcome, host: hostOf(notice.url) });
}

/** 200 where it was taken, any other status, or why there was none. */
async function request(deps: NotifyDeps, notice: Notice, stop?: AbortSignal): Promise<number | string> {
  const { store, post, allowed, isEdge = false, secrets, redact, clock, timeoutMs = 10_000 } = deps;
  try {
    const url = checkReceiver(notice.url, { allowed, isEdge, hasSecret: secrets.length > 0 });
    const body = noticeBody(notice, await store.get(notice.job), redact);
    const { id } = notice;
    const timestamp = Math.floor(clock.now() / 1_000);
    const headers = {
      "content-type": "application/json",
      "user-agent": "Agenticore",
      "webhook-id": id,
      "webhook-timestamp": String(timestamp),
      "webhook-signature": await signatures({ id, timestamp, body }, secrets),
    };
    const inTime = AbortSignal.timeout(timeoutMs);
    const status = await post(url, { headers, body }, stop ? AbortSignal.any([inTime, stop]) : inTime).catch(
      (error) => {
        throw inTime.aborted ? new Error(`The receiver did not answer within ${timeoutMs / 1_000} s.`) : error;
      },
    );
    return status >= 200 && status < 300 ? 200 : status;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function outcomeOf(said: number | string, { attempts, ageMs }: Notice, random: () => number): NoticeOutcome {
  if (said === 200) return { kind: "delivered" };
  if (said === 410) return { kind: "stopped", error: "The receiver answered 410: it wants no more." };
  const retryMs = jittered(delays[attempts] ?? 4 * hour, random);
  const error = typeof said === "string" ? said : sentenceOf(said);
  return { kind: "failed", error, ...(ageMs + retryMs < noticeLifeMs ? { retryMs } : {}) };
}

const sentenceOf = (status: number): string =>
  `The receiver answered ${status}${status >= 300 && status < 400 ? ": redirects are not followed" : ""}.`;
/** An address may have a secret in its path. */
const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : "");
