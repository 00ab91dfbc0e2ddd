import { AppError } from "../../error.ts";
import type { Job, JobId } from "../../job.ts";
import type { NewJob, Submitted } from "../../store.ts";
import { queued } from "../job-change.ts";
import { budgetRefusal, toldOrders } from "./budgets.ts";
import { type Context, placed } from "./context.ts";
import { asFacts, requestOf } from "./job-hash.ts";
import { get } from "./lua/get.ts";
import { submit } from "./lua/submit.ts";
import { giveBack, take } from "./worktrees.ts";

type Parts = Pick<Context, "run" | "newId" | "view" | "news">;

/** Queues new jobs, and reads them. */
export function openSubmission({ run, newId, view, news }: Parts) {
  return {
    submit: async (fresh: NewJob): Promise<Submitted> => {
      const job = queued(fresh.job);
      const { tenant, repoKey = "", idempotency, queueTtlSeconds } = fresh;
      const { id, priority, session_id = "", max_attempts, ttl_seconds, notify_url = "" } = job;
      const queue = fresh.queue ?? job.pool;
      const queueMs = queueTtlSeconds * 1_000;
      const key = [idempotency?.key ?? "", idempotency?.body ?? ""];
      const terms = [newId(), max_attempts, ttl_seconds, queueMs, tenant].join(" ");
      const request = requestOf(job);
      const facts = [tenant, queueMs, 10 - priority, queue, session_id, repoKey, toldOrders(fresh.budgets), notify_url];
      const worktree = job.kind === "task" ? job.worktree_id : undefined;
      if (worktree !== undefined) await take({ run }, { job: id, tenant, worktree, key: idempotency?.key });
      const [word, ...rest] = await run(submit, [id, terms, request, ...key, asFacts(facts)], id);
      const isThere = word === "new" || word === "made" || word === "known";
      if (worktree !== undefined && !isThere) await giveBack({ run }, id, worktree);
      const [hash, changes, position] = rest;
      switch (word) {
        case "new": {
          const [place, count] = rest;
          news.saw(id, 1);
          news.brought(queue, Number(count));
          return { job: placed(job, place), replayed: false };
        }
        // This call has made the job before, and it may have gone on since.
        case "made":
          return { job: view(hash, changes, position), replayed: false };
        case "known":
          return { job: view(hash, changes, position), replayed: true };
        case "budget":
          throw budgetRefusal(fresh.budgets, rest);
        default:
          throw refusal(word, id);
      }
    },

    get: async (id: JobId, tenant?: string): Promise<Job | undefined> => {
      const [word, hash, changes, position] = await run(get, [tenant ?? ""], id);
      return word === "job" ? view(hash, changes, position) : undefined;
    },
  };
}

function refusal(word: string, id: JobId): AppError {
  switch (word) {
    case "body":
      return new AppError("invalid_request", "This Idempotency-Key came before with another body.", {
        remedy: "Send the same body again, or use a new key for a new job.",
      });
    case "removed":
      return new AppError("conflict", "The job that this Idempotency-Key made has ended and was removed.", {
        remedy: "Use a new key for a new job.",
      });
    default:
      return new AppError("conflict", `There is a job ${id} already.`);
  }
}
