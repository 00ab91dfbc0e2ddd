import type { JobId } from "../../shared/job.ts";
import type { Claim, Lease } from "../../shared/store.ts";
import type { History, Run } from "../support/history.ts";

type Many<T> = T extends readonly (infer E)[] ? E : never;

/** Writes down what is seen while it happens; the jobs themselves are looked at in the end. */
export type Witness = Readonly<{
  accepted: (answer: Many<History["accepted"]>) => void;
  claimed: (claim: Claim) => void;
  ran: (run: Run) => void;
  ended: (ending: Many<History["endings"]>) => void;
  cancelAsked: (job: JobId) => void;
  cancelTaken: (job: JobId) => void;
  messageTaken: (job: JobId, message: string) => void;
  seen: () => Omit<History, "jobs">;
}>;

export function openWitness(): Witness {
  const accepted: Many<History["accepted"]>[] = [];
  const claims: Lease[] = [];
  const runs: Run[] = [];
  const endings: Many<History["endings"]>[] = [];
  const cancels = { asked: new Set<JobId>(), taken: new Set<JobId>() };
  const messages: Many<History["messages"]>[] = [];
  return {
    accepted: (answer) => void accepted.push(answer),
    claimed: ({ lease }) => void claims.push(lease),
    ran: (run) => void runs.push(run),
    ended: (ending) => void endings.push(ending),
    cancelAsked: (job) => void cancels.asked.add(job),
    cancelTaken: (job) => void cancels.taken.add(job),
    messageTaken: (job, message) => void messages.push({ job, message }),
    seen: () => ({ accepted, claims, runs, endings, cancels, messages }),
  };
}
