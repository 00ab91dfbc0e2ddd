import { AppError } from "../../error.ts";
import type { AnswerMessage, Job, JobId, Message } from "../../job.ts";
import type { JobStore } from "../../store.ts";
import { alreadyAnswered, noSuchQuestion } from "../question-refusal.ts";
import { budgetRefusal, toldOrders } from "./budgets.ts";
import { type Context, notThere } from "./context.ts";
import { answer as answerQuestion } from "./lua/answer.ts";
import { cancel } from "./lua/cancel.ts";
import { message as addMessage } from "./lua/message.ts";
import { retry } from "./lua/retry.ts";
import { takeAgain } from "./worktrees.ts";

type Parts = Pick<Context, "run" | "wire" | "key" | "limits" | "newId" | "view">;

/** What people ask of a job that exists. */
export function openRequests({ run, wire, key, limits, newId, view }: Parts) {
  return {
    cancel: async (id: JobId, by: Readonly<{ name: string; tenant?: string }>): Promise<Job | undefined> => {
      const [word, hash, changes, position] = await run(cancel, [limits, id, by.tenant ?? "", by.name], id);
      return word === "job" ? view(hash, changes, position) : undefined;
    },

    retry: async (id: JobId, tenant?: string, how?: Parameters<JobStore["retry"]>[2]): Promise<Job> => {
      await takeAgain({ run, wire, key }, id, tenant);
      const [only, orders] = typeof how === "object" ? ["", how.budgets] : [how ?? "", []];
      const asked = [limits, newId(), id, tenant ?? "", only, toldOrders(orders)];
      const [word, hash, changes, position] = await run(retry, asked, id);
      if (word === "budget") throw budgetRefusal(orders, [hash, changes, position]);
      if (word === "none") throw notThere(id);
      if (word === "live")
        throw new AppError("conflict", `Job ${id} is ${hash}: only an ended job can be retried.`, {
          remedy: "Wait for its end, or cancel it first.",
        });
      return view(hash, changes, position);
    },

    addMessage: async (id: JobId, message: Message, tenant?: string): Promise<Job> => {
      const facts = [message.id, message.mode, JSON.stringify(message)];
      const [word, hash, changes, position] = await run(addMessage, [id, tenant ?? "", ...facts], id);
      if (word === "none") throw notThere(id);
      if (word === "over")
        throw new AppError("conflict", `Job ${id} is ${hash}: it takes no more messages.`, {
          remedy: "Retry the job, or submit a new one with its session_id.",
        });
      return view(hash, changes, position);
    },

    answer: async (id: JobId, message: AnswerMessage, tenant?: string): Promise<Job> => {
      const facts = [message.id, message.answer.id, JSON.stringify(message)];
      const [word, hash, changes, position] = await run(answerQuestion, [id, tenant ?? "", ...facts], id);
      if (word === "none") throw notThere(id);
      if (word === "answered") throw alreadyAnswered(message.id);
      if (word === "closed") throw noSuchQuestion(id, message.id);
      return view(hash, changes, position);
    },
  };
}
