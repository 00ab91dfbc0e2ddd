import { iso } from "../shared/clock.ts";
import { AppError } from "../shared/error.ts";
import type { Job, JobId } from "../shared/job.ts";
import type { AnswerRequest } from "../shared/question.ts";
import type { ApiDeps } from "./deps.ts";
import { type Asking, checkSteering, findJob, jobId } from "./jobs.ts";

/**
 * Answers a question of Claude's; stored before it returns, the runner gives it to Claude.
 * @throws AppError `conflict` where it was answered, or nobody waits any more; `not_found`; as `checkSteering`.
 */
export async function answerQuestion(
  deps: ApiDeps,
  { id, question_id, decision, message }: AnswerRequest & { id: string },
  asking: Asking,
): Promise<Job> {
  await checkSteering(deps, id, asking);
  if (decision === "allow" && message !== undefined)
    throw new AppError("invalid_request", "Only a denial takes a message.", {
      errors: [{ path: "message", message: "only with deny" }],
      remedy: "Leave it out; what else Claude should know, send as a message to the job.",
    });
  const { store, clock, newId, log } = deps;
  const { name: by, tenant } = asking.caller;
  const question = question_id.toLowerCase();
  const answer = { id: newId(), decision, by };
  const text = message ?? "";
  const job = await store
    .answer(jobId(id), { id: question, text, mode: "queue", at: iso(clock.now()), answer }, tenant)
    .catch(async (error: unknown) => {
      const isUnknown = error instanceof AppError && error.code === "not_found";
      if (!isUnknown || !(await wasAsked(deps, (await findJob(deps, id, asking)).id, question))) throw error;
      throw tooLate(question);
    });
  log.info("question answered", { job: job.id, question, decision, by });
  return job;
}

/** A question that is not open was perhaps once: only the log knows. */
async function wasAsked({ store }: ApiDeps, job: JobId, question: string): Promise<boolean> {
  for (let after: string | undefined; ; ) {
    const { events, next } = await store.events(job, after === undefined ? {} : { after });
    if (events.some(({ type, data }) => type === "question.asked" && data["question_id"] === question)) return true;
    if (next === undefined || events.length === 0) return false;
    after = next;
  }
}

const tooLate = (question: string) =>
  new AppError("conflict", `Nobody waits for an answer to question ${question} any more.`, {
    remedy: "The job's events tell what became of it; Claude asks anew when it still wants to.",
  });
