import { AppError } from "../../error.ts";
import type { Job, JobId } from "../../job.ts";
import type { NewJob, Submitted } from "../../store.ts";
import { queued } from "../job-change.ts";
import { budgetRefusal, toldOrders } from "./budgets.ts";
import { asList, type Context, placed } from "./context.ts";
import { requestOf } from "./job-hash.ts";
import { get } from "./lua/get.ts";
import { submit } from "./lua/submit.ts";
import { giveBack, take } from "./worktrees.ts";

type Parts = Pick<Context, "run" | "newId" | "view" | "news">;

/** Queues new jobs, and reads them. */
export function openSubmission({ run, newId, view, news }: Parts) {
  return {
    submit: async (fresh: NewJob): Promise<Submitted> => {
      const { output, result, ...job }: Job = queued(fresh.job);
      const { tenant, repoKey = "", idempotency, queueTtlSeconds } = fresh;
      const { id, priority, session_id = "", max_attempts, ttl_seconds, notify_url = "" } = job;
      const queue = fresh.queue ?? job.pool;
      const queueMs = queueTtlSeconds * 1_000;
      const key = [idempotency?.key ?? "", idempotency?.body ?? ""];
      const terms = [newId(), max_attempts, ttl_seconds, queueMs, tenant].join(" ");
      const request = requestOf(job);
      const also = [toldOrders(fresh.budgets), notify_url];
      const facts = [queueMs, 10 - priority, queue, session_id, repoKey, terms, request, ...also];
      const worktree = job.kind === "task" ? job.worktree_id : undefined;
      if (worktree !== undefined) await take({ run }, { job: id, tenant, worktree, key: idempotency?.key });
      const answer = await run(submit, [id, tenant, ...key, ...facts], id);
      const [word, hash, changes, position, count] = answer;
      if (worktree !== undefined && word !== "made" && word !== "known") await giveBack({ run }, id, worktree);
      switch (word) {
        case "made":
          // The hash is only sent where this call has made the job before; it may have gone on since.
          if (asList(hash).length > 0) return { job: view(hash, changes, position), replayed: false };
          news.saw(id, 1);
          news.hear(`${queue} ${count}`);
          return { job: placed(job, position), replayed: false };
        case "known":
          return { job: view(hash, changes, position), replayed: true };
        case "budget":
          throw budgetRefusal(fresh.budgets, answer.slice(1));
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
