import { AppError } from "../../error.ts";
import type { AnswerMessage, Job, JobId, Message } from "../../job.ts";
import { alreadyAnswered, noSuchQuestion } from "../question-refusal.ts";
import type { Context } from "./context.node.ts";
import type { EventLog } from "./event-log.node.ts";
import { isOver, type JobRow } from "./job-rows.node.ts";

export type Messages = ReturnType<typeof openMessages>;

/** Follow-ups for a job's session, kept until Claude has acknowledged them; runs inside a transaction. */
export function openMessages({ db, jobs }: Context, log: EventLog) {
  const all = db.prepare<{ message: string }>(
    "SELECT message FROM messages WHERE seq = :seq AND message <> '' ORDER BY n",
  );
  const read = db.prepare<{ message: string }>("SELECT message FROM messages WHERE seq = :seq AND id = :id");
  const insert = db.prepare("INSERT OR IGNORE INTO messages (seq, id, message) VALUES (:seq, :id, :message)");
  // The id stays, so that a message that is sent again is known.
  const remove = db.prepare("UPDATE messages SET message = '' WHERE seq = :seq AND id = :id AND message <> ''");

  return {
    waiting: (row: JobRow): Message[] => all.all({ seq: row.seq }).map(({ message }) => JSON.parse(message) as Message),

    deliver: (row: JobRow, ids: readonly string[]): void => {
      // That an answer has come, its runner tells with what became of the question.
      const words = ids.filter((id) => !isAnswer(read.find({ seq: row.seq, id })?.message));
      const taken = ids.filter((id) => remove.run({ seq: row.seq, id }) > 0).filter((id) => words.includes(id));
      log.append(
        row,
        taken.map((message_id) => ({ type: "message.delivered", data: { message_id } })),
      );
    },

    add: (id: JobId, message: Message, tenant?: string): Job => {
      const row = jobs.sure(id, tenant);
      if (isOver(row))
        throw new AppError("conflict", `Job ${id} is ${row.status}: it takes no more messages.`, {
          remedy: "Retry the job, or submit a new one with its session_id.",
        });
      const added = insert.run({ seq: row.seq, id: message.id, message: JSON.stringify(message) }) > 0;
      if (added) {
        jobs.ask(row);
        log.append(row, [{ type: "message.received", data: { message_id: message.id, mode: message.mode } }]);
      }
      return jobs.view(row);
    },

    answer: (id: JobId, message: AnswerMessage, tenant?: string): Job => {
      const row = jobs.sure(id, tenant);
      const { seq } = row;
      if (read.find({ seq, id: message.answer.id })) return jobs.view(row);
      if (read.find({ seq, id: message.id })) throw alreadyAnswered(message.id);
      const open = jobs.summary(row).questions ?? [];
      if (!open.some(({ question_id }) => question_id === message.id)) throw noSuchQuestion(id, message.id);
      insert.run({ seq, id: message.id, message: JSON.stringify(message) });
      insert.run({ seq, id: message.answer.id, message: "" });
      jobs.ask(row);
      return jobs.view(row);
    },
  };
}

const isAnswer = (message = ""): boolean => message !== "" && (JSON.parse(message) as Message).answer !== undefined;
