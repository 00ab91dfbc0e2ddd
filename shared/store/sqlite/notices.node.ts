import type { JobId } from "../../job.ts";
import {
  type Notice,
  type NoticeCounts,
  type NoticeEnd,
  type NoticeOutcome,
  noticeExpired,
  noticeId,
  noticeJob,
  noticeLifeMs,
  noticeNumber,
} from "../../notice-store.ts";
import { notified } from "../job-change.ts";
import type { Context } from "./context.node.ts";
import { type EventRow, toEvent } from "./event-log.node.ts";

type Row = Omit<EventRow, "bytes"> &
  Readonly<{ job: JobId; url: string; made: number; attempts: number; take: number }>;
type Key = Readonly<{ job: JobId; n: number }>;

/** Whom to tell of which event; the log fills it. Runs inside a transaction. */
export function openNotices({ db, time, jobs }: Context) {
  const first = db.prepare<{ due: number }>("SELECT min(due) AS due FROM notices");
  const due = db.prepare<Row>("SELECT * FROM notices WHERE due <= :tick ORDER BY due LIMIT :limit");
  const old = db.prepare<Row>("SELECT * FROM notices WHERE made <= :till AND due <= :tick LIMIT 1000");
  const give = db.prepare("UPDATE notices SET due = :due, take = take + 1 WHERE job = :job AND n = :n");
  const find = db.prepare<Row>("SELECT * FROM notices WHERE job = :job AND n = :n");
  const again = db.prepare("UPDATE notices SET due = :due, attempts = attempts + 1 WHERE job = :job AND n = :n");
  const remove = db.prepare("DELETE FROM notices WHERE job = :job AND n = :n");
  const removeAll = db.prepare("DELETE FROM notices WHERE job = :job");
  const stop = db.prepare("UPDATE jobs SET notify_url = NULL WHERE id = :job");
  const count = db.prepare("INSERT INTO notified VALUES (:kind, 1) ON CONFLICT (kind) DO UPDATE SET n = n + 1");
  const waiting = db.prepare<{ n: number }>("SELECT count(*) AS n FROM notices");
  const settled = db.prepare<{ kind: string; n: number }>("SELECT kind, n FROM notified");

  const end = ({ job, n }: Key, outcome: NoticeEnd): void => {
    const retryMs = outcome.kind === "failed" ? outcome.retryMs : undefined;
    if (retryMs === undefined) remove.run({ job, n });
    else again.run({ job, n, due: time.tick() + Math.max(0, Math.ceil(retryMs)) });
    if (outcome.kind === "stopped") {
      removeAll.run({ job });
      stop.run({ job });
    }
    if (outcome.kind !== "expired") count.run({ kind: outcome.kind === "delivered" ? "delivered" : "failed" });
    if (outcome.kind === "expired" || (outcome.kind === "failed" && retryMs === undefined))
      count.run({ kind: "given_up" });
    const row = jobs.find(job);
    if (!row) return;
    const now = jobs.summary(row);
    jobs.saveProgress(row, { ...now, notify: notified(now.notify, outcome, jobs.now()) });
  };
  const expire = (): void => {
    const tick = time.tick();
    for (const row of old.all({ tick, till: tick - noticeLifeMs })) end(row, { kind: "expired", error: noticeExpired });
  };

  return {
    isDue: (): boolean => (first.find()?.due ?? Number.POSITIVE_INFINITY) <= time.tick(),
    expire,
    take: ({ limit, leaseMs }: Readonly<{ limit: number; leaseMs: number }>): readonly Notice[] => {
      expire();
      const tick = time.tick();
      return due.all({ tick, limit }).map(({ job, url, made, attempts, take, ...event }): Notice => {
        give.run({ job, n: event.n, due: tick + leaseMs });
        const id = noticeId(job, event.n);
        return { id, job, url, event: toEvent(job, event), attempts, take: take + 1, ageMs: tick - made };
      });
    },
    settle: ({ id, take }: Pick<Notice, "id" | "take">, outcome: NoticeOutcome): void => {
      const key = { job: noticeJob(id), n: noticeNumber(id) };
      const known = find.find(key);
      if (known && (outcome.kind === "delivered" || known.take === take)) end(key, outcome);
    },
    counts: (): NoticeCounts => {
      const of = new Map(settled.all().map(({ kind, n }) => [kind, n]));
      const sum = (kind: string) => of.get(kind) ?? 0;
      return {
        waiting: waiting.find()?.n ?? 0,
        delivered: sum("delivered"),
        failed: sum("failed"),
        given_up: sum("given_up"),
      };
    },
  };
}
