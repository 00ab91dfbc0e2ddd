import type { JobId } from "../../job.ts";
import { type Notice, type NoticeCounts, type NoticeOutcome, noticeId } from "../../notice-store.ts";
import { asList, type Context } from "./context.ts";
import { toEvent } from "./event-log.ts";
import { settleNotice, takeNotices } from "./lua/notices.ts";

/** Whom to tell of which event. */
export function openNotices({ run, wire, key }: Pick<Context, "run" | "wire" | "key">) {
  return {
    takeNotices: async ({
      limit,
      leaseMs,
    }: Readonly<{ limit: number; leaseMs: number }>): Promise<readonly Notice[]> => {
      const [, ...rows] = await run(takeNotices, [limit, leaseMs]);
      return rows.map((row) => {
        const [name, url, type, at, attempt, facts, attempts, take, age] = asList(row).map(String);
        const job = (name ?? "").slice(0, 36) as JobId;
        const n = Number((name ?? "").slice(37));
        return {
          id: noticeId(job, n),
          job,
          url: url ?? "",
          event: toEvent(job, [n, type ?? "", at ?? "", attempt ?? "", facts ?? "{}"]),
          attempts: Number(attempts),
          take: Number(take),
          ageMs: Number(age),
        };
      });
    },
    settleNotice: async ({ id, take }: Pick<Notice, "id" | "take">, outcome: NoticeOutcome): Promise<void> => {
      const why = outcome.kind === "delivered" ? "" : outcome.error;
      const retryMs = outcome.kind === "failed" ? outcome.retryMs : undefined;
      await run(settleNotice, [
        id.slice(4),
        take,
        outcome.kind,
        why,
        retryMs === undefined ? "" : Math.max(0, Math.ceil(retryMs)),
      ]);
    },
    noticeCounts: async (): Promise<NoticeCounts> => {
      const [waiting, sums] = await Promise.all([
        wire.send(["ZCARD", key("notices")]),
        wire.send(["HMGET", key("notified"), "delivered", "failed", "given_up"]),
      ]);
      const [delivered = 0, failed = 0, given_up = 0] = asList(sums).map(Number);
      return { waiting: Number(waiting), delivered, failed, given_up };
    },
  };
}
