import { iso } from "../../clock.ts";
import { AppError, LeaseLost } from "../../error.ts";
import { isTerminal, type Job, type JobId, type JobStatus, type JobSummary } from "../../job.ts";
import type { Lease } from "../../store.ts";
import { type Command, type Standing, transition } from "../../transition.ts";
import type { Connection } from "./connection.node.ts";

/** What decisions look at; the names are the columns. */
export type JobRow = Readonly<{
  seq: number;
  id: JobId;
  tenant: string;
  repo_key: string | null;
  pool: string;
  priority: number;
  max_attempts: number;
  queue_ttl_ms: number;
  ttl_ms: number;
  session_id: string | null;
  status: JobStatus;
  place: number;
  queued_at: number;
  due: number;
  expires: number | null;
  gone: number | null;
  attempt: number;
  lost: number;
  fence: number;
  claim_id: string | null;
  runner: string | null;
  lease_boot: string | null;
  lease_until: number | null;
  attempt_started_at: string | null;
  cancel_by: string | null;
  cancel_at: string | null;
  /** Events that the runner has told of in this attempt, by its own count. */
  told_events: number;
  /** Whom to tell of its events; null too where that one wants no more. */
  notify_url: string | null;
}>;

const mutable = [
  "session_id",
  "status",
  "place",
  "queued_at",
  "due",
  "expires",
  "gone",
  "attempt",
  "lost",
  "fence",
  "claim_id",
  "runner",
  "lease_boot",
  "lease_until",
  "attempt_started_at",
  "cancel_by",
  "cancel_at",
] as const satisfies readonly (keyof JobRow)[];

export type JobRows = ReturnType<typeof openJobRows>;

/** Reading and writing of single jobs; every write keeps row and document in step. */
export function openJobRows({ db, time, clock, touch }: Connection) {
  const byId = db.prepare<JobRow>("SELECT * FROM jobs WHERE id = :id");
  const bySeq = db.prepare<JobRow>("SELECT * FROM jobs WHERE seq = :seq");
  const readDoc = db.prepare<{ job: string }>("SELECT job FROM docs WHERE seq = :seq");
  const readBulk = db.prepare<{ bulk: string }>("SELECT bulk FROM docs WHERE seq = :seq");
  const writeDoc = db.prepare("UPDATE docs SET job = :job WHERE seq = :seq");
  const writeBulk = db.prepare("UPDATE docs SET bulk = :bulk WHERE seq = :seq");
  const writeRow = db.prepare(
    `UPDATE jobs SET ${mutable.map((name) => `${name} = :${name}`).join(", ")} WHERE seq = :seq`,
  );
  const writeSession = db.prepare("UPDATE jobs SET session_id = :session_id WHERE seq = :seq");
  const ahead = db.prepare<{ n: number }>(
    `SELECT count(*) AS n FROM jobs WHERE status = 'queued' AND pool = :pool
       AND (priority > :priority OR (priority = :priority AND place < :place))`,
  );
  const ask = db.prepare("UPDATE jobs SET asked = asked + 1 WHERE seq = :seq");
  const nextPlace = db.prepare<{ last: number }>("UPDATE places SET last = last + 1 RETURNING last");
  const keepKey = db.prepare("UPDATE idempotency SET gone = :gone WHERE job = :id");

  const summary = (row: JobRow): JobSummary => parse<JobSummary>(readDoc.find({ seq: row.seq })?.job, row);
  const whole = (row: JobRow): Job => ({
    ...summary(row),
    ...parse<Pick<Job, "output" | "result">>(readBulk.find({ seq: row.seq })?.bulk, row),
  });
  const saveDoc = (row: JobRow, job: Job) => {
    const { output, result, ...short } = job;
    writeDoc.run({ seq: row.seq, job: JSON.stringify(short) });
    // `whole` jobs only come from here, so an absent output means that there is none.
    writeBulk.run({ seq: row.seq, bulk: JSON.stringify({ output, result }) });
  };

  return {
    find: (id: JobId, tenant?: string): JobRow | undefined => {
      const row = byId.find({ id });
      return row && (tenant === undefined || row.tenant === tenant) ? row : undefined;
    },
    /** @throws AppError `not_found` */
    sure: (id: JobId, tenant?: string): JobRow => {
      const row = byId.find({ id });
      if (row && (tenant === undefined || row.tenant === tenant)) return row;
      throw new AppError("not_found", `There is no job ${id}.`);
    },
    get: (seq: number): JobRow | undefined => bySeq.find({ seq }),
    /** The row, if this lease still holds the job. @throws LeaseLost */
    held: (lease: Lease): JobRow => {
      const row = byId.find({ id: lease.job });
      if (row?.status !== "running" || row.fence !== lease.fence || row.runner !== lease.runner)
        throw new LeaseLost(lease.job);
      return row;
    },
    summary,
    whole,
    /** As people see it: whole, with the queue position where it waits. */
    view: (row: JobRow): Job => {
      const { pool, priority, place } = row;
      const position = row.status === "queued" ? (ahead.find({ pool, priority, place })?.n ?? 0) + 1 : undefined;
      return { ...whole(row), ...(position === undefined ? {} : { queue_position: position }) };
    },
    /** Writes the job's new shape and what decisions look at; gives back the row as it is now. */
    save: (row: JobRow, job: Job, changes: Partial<JobRow>): JobRow => {
      const next: JobRow = { ...row, ...changes, status: job.status, session_id: job.session_id ?? null };
      const values = Object.fromEntries(mutable.map((name) => [name, next[name]]));
      writeRow.run({ ...values, seq: row.seq });
      saveDoc(row, job);
      touch(row.id);
      return next;
    },
    /** A change that no decision looks at, but for the session. */
    saveProgress: (row: JobRow, job: JobSummary): void => {
      writeDoc.run({ seq: row.seq, job: JSON.stringify(job) });
      if ((job.session_id ?? null) !== row.session_id)
        writeSession.run({ seq: row.seq, session_id: job.session_id ?? null });
      touch(row.id);
    },
    saveBulk: (row: JobRow, bulk: Pick<Job, "output" | "result">): void => {
      const { output, result } = {
        ...parse<Pick<Job, "output" | "result">>(readBulk.find({ seq: row.seq })?.bulk, row),
        ...bulk,
      };
      writeBulk.run({ seq: row.seq, bulk: JSON.stringify({ output, result }) });
    },
    /** Somebody asks something of the job's runner. */
    ask: (row: JobRow): void => {
      ask.run({ seq: row.seq });
      touch(row.id);
    },
    /** The last place in the queue. */
    nextPlace: (): number => nextPlace.find()?.last ?? 0,
    /** An idempotency key stays until 24 h after its job's end; `gone` is undefined while the job lives. */
    keepKeys: (row: JobRow, gone?: number): void => {
      keepKey.run({ id: row.id, gone: gone ?? null });
    },
    now: (): string => iso(clock.now()),
    tick: time.tick,
  };
}

/** What the only rule book says; undefined where the state does not allow it. */
export const next = (row: JobRow, command: Command): JobStatus | undefined => transition(standing(row), command);

const standing = (row: JobRow): Standing => ({
  status: row.status,
  lost: row.lost,
  maxAttempts: row.max_attempts,
  cancelRequested: row.cancel_at !== null,
});

export const isOver = (row: JobRow): boolean => isTerminal(row.status);

/** Documents are written by this file only, under the schema version checked at opening. */
function parse<T>(text: string | undefined, row: JobRow): T {
  if (text === undefined)
    throw new AppError("store_unavailable", `The store has lost the document of job ${row.id}.`, {
      remedy: "The database is damaged: check it with `sqlite3 FILE 'PRAGMA integrity_check'`.",
    });
  return JSON.parse(text) as T;
}
