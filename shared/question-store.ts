import type { AnswerMessage, Job, JobId } from "./job.ts";

/** What the store does for Claude's questions; they are asked by a renewal, whose patch names the open ones. */
export interface QuestionStore {
  /**
   * Keeps the answer to an open question of a job until its runner has acknowledged it as a message is. The same answer again
   * changes nothing and succeeds.
   * @throws AppError `conflict` where the question has another answer; `not_found` where there is no such job, or it has no
   * such open question.
   */
  answer(id: JobId, answer: AnswerMessage, tenant?: string): Promise<Job>;
}
