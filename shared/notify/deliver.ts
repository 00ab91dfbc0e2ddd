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
}>;

/** Who takes a notice has it for twice as long as a request can last. */
export const leaseMs = 20_000;

const second = 1_000;
const [minute, hour] = [60 * second, 3_600 * second];
/** Until the next request, by how many were made before; the last one again and again. */
const delays = [5 * second, 30 * second, 2 * minute, 10 * minute, hour, 2 * hour, 4 * hour];

type Said =
  /** 200 where it was taken, or any other status. */
  | Readonly<{ status: number }>
  /** Why there was none: the receiver was silent; it may not be told by this process, perhaps by another one. */
  | Readonly<{ error: string; isSilent?: boolean; isRefused?: boolean }>;
/** When it is to be sent again, if it is; whether the receiver was silent. */
type Sent = Readonly<{ retryMs?: number; isSilent: boolean }>;

/** Makes the request of a notice that was taken, and says what came of it. @throws AppError `store_unavailable`. */
export async function deliver(deps: NotifyDeps, notice: Notice, stop?: AbortSignal): Promise<Sent> {
  const said = await request(deps, notice, stop);
  // What this process broke off itself is sent again by whoever has it next.
  if (stop?.aborted && !("status" in said && said.status === 200)) return { isSilent: false };
  return await settle(deps, notice, said);
}

/** Without a request: others to this receiver are under way, and the last ones had no answer. */
export const postpone = (deps: NotifyDeps, notice: Notice): Promise<Sent> =>
  settle(deps, notice, { error: "The receiver did not answer others in time, so it was not asked.", isSilent: true });

async function settle({ store, log, random }: NotifyDeps, notice: Notice, said: Said): Promise<Sent> {
  const outcome = outcomeOf(said, notice, random);
  await store.settleNotice(notice, outcome);
  const facts = { job: notice.job, event: notice.event.type, notice: notice.id, attempt: notice.attempts + 1 };
  if (outcome.kind === "delivered") log.info("notified", facts);
  else log.warn("a notification was not taken", { ...facts, ...outcome, host: hostOf(notice.url) });
  const retryMs = outcome.kind === "failed" ? outcome.retryMs : undefined;
  return { isSilent: "error" in said && said.isSilent === true, ...(retryMs === undefined ? {} : { retryMs }) };
}

async function request(deps: NotifyDeps, notice: Notice, stop?: AbortSignal): Promise<Said> {
  const { store, post, allowed, isEdge = false, secrets, redact, clock, timeoutMs = 10_000 } = deps;
  let url: URL;
  try {
    url = checkReceiver(notice.url, { allowed, isEdge, hasSecret: secrets.length > 0 });
  } catch (error) {
    return { error: messageOf(error), isRefused: true };
  }
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
  try {
    const status = await post(url, { headers, body }, stop ? AbortSignal.any([inTime, stop]) : inTime);
    return { status: status >= 200 && status < 300 ? 200 : status };
  } catch (error) {
    if (!inTime.aborted) return { error: messageOf(error) };
    return { error: `The receiver did not answer within ${timeoutMs / 1_000} s.`, isSilent: true };
  }
}

function outcomeOf(said: Said, { attempts, ageMs }: Notice, random: () => number): NoticeOutcome {
  if ("status" in said && said.status === 200) return { kind: "delivered" };
  if ("status" in said && said.status === 410)
    return { kind: "stopped", error: "The receiver answered 410: it wants no more." };
  const delayMs = delays[attempts] ?? 4 * hour;
  // Another process may be allowed to, and should not come too late for it.
  const retryMs = jittered("error" in said && said.isRefused ? Math.min(delayMs, 10 * minute) : delayMs, random);
  const error = "error" in said ? said.error : sentenceOf(said.status);
  return { kind: "failed", error, ...(ageMs + retryMs < noticeLifeMs ? { retryMs } : {}) };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const sentenceOf = (status: number): string =>
  `The receiver answered ${status}${status >= 300 && status < 400 ? ": redirects are not followed" : ""}.`;
/** An address may have a secret in its path. */
const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : "");
