import type { JobEvent } from "./event.ts";
import type { JobId } from "./job.ts";

/** One event of a job that its `notify_url` is to be told of. */
export type Notice = Readonly<{
  /** The same each time that it is sent: `msg_{job}_{number of the event}`. */
  id: string;
  job: JobId;
  url: string;
  event: JobEvent;
  /** Requests that were made for it before. */
  attempts: number;
  /** Grows each time that it is given out. */
  take: number;
  /** Since the event happened, by the store's clock; milliseconds. */
  ageMs: number;
}>;

/** What came of a request; `error` is a sentence. Without `retryMs` no other one is made; `stopped`: none for this job. */
export type NoticeOutcome =
  | Readonly<{ kind: "delivered" }>
  | Readonly<{ kind: "failed"; error: string; retryMs?: number }>
  | Readonly<{ kind: "stopped"; error: string }>;
/** The same, or that it was too late for a request. */
export type NoticeEnd = NoticeOutcome | Readonly<{ kind: "expired"; error: string }>;

/** Since the store was made, but for `waiting`: those that are to be sent, or sent again. */
export type NoticeCounts = Readonly<{
  waiting: number;
  delivered: number;
  failed: number;
  given_up: number;
}>;

/** After so long nobody is told of an event any more. */
export const noticeLifeMs = 24 * 3_600_000;
export const noticeExpired = "It was not delivered within 24 h.";

/** The part of the store that knows whom to tell of what: filled in the same step in which the event happens. */
export interface NoticeStore {
  /**
   * Notices that are due, those that wait longest first; each is given to nobody else for `leaseMs`. One that is older than
   * 24 h is given up, and one of a job whose receiver wants no more is dropped.
   */
  takeNotices(request: Readonly<{ limit: number; leaseMs: number }>): Promise<readonly Notice[]>;
  /**
   * Says what came of it, on the job too (`notify`), as long as that is there. A failure is heard only of whoever was given
   * the notice last; a delivery always. Again, or of a notice that is settled, it changes nothing.
   */
  settleNotice(notice: Pick<Notice, "id" | "take">, outcome: NoticeOutcome): Promise<void>;
  noticeCounts(): Promise<NoticeCounts>;
}

/** A full stop would part the words that are signed (Standard Webhooks), so there is none. */
export const noticeId = (job: JobId, n: number): string => `msg_${job}_${n}`;
/** What `noticeId` was made of. */
export const noticeJob = (id: string): JobId => id.slice(4, 40) as JobId;
export const noticeNumber = (id: string): number => Number(id.slice(41));
