import { AppError } from "../../error.ts";
import type { Lease, TranscriptRecord } from "../../store.ts";
import type { Context } from "./context.node.ts";

type Row = Readonly<{ session: string; version: string; bytes: number; box: string; data: string | null }>;

/** Conversations, for whoever continues them; runs inside a transaction. */
export function openTranscripts({ db, jobs, time }: Context) {
  const find = db.prepare<Row>("SELECT * FROM transcripts WHERE session = :session");
  const write = db.prepare(
    "INSERT OR REPLACE INTO transcripts VALUES (:session, :version, :bytes, :box, :data, :tick)",
  );
  const keepSession = db.prepare("UPDATE sessions SET seen = :tick WHERE id = :session");

  return {
    save: (lease: Lease, { session, version, bytes, box, data }: TranscriptRecord): void => {
      if (jobs.held(lease).session_id !== session)
        throw new AppError("session_not_found", `Session ${session} is not the one that job ${lease.job} works in.`);
      const tick = time.tick();
      write.run({ session, version, bytes, box, data: data ?? null, tick });
      keepSession.run({ session, tick });
    },
    find: (session: string): TranscriptRecord | undefined => {
      const row = find.find({ session });
      if (!row) return undefined;
      const { version, bytes, box, data } = row;
      return { session, version, bytes, box, ...(data === null ? {} : { data }) };
    },
  };
}
