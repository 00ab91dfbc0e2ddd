import { AppError } from "../../error.ts";
import type { JobId } from "../../job.ts";
import type { Lease, RunnerRecord, SessionRecord } from "../../store.ts";
import type { Context } from "./context.node.ts";
import { runnerSilenceMs } from "./upkeep.node.ts";

type RunnerRow = Readonly<{ record: string; drain: number }>;
type SessionRow = Readonly<{ id: string; tenant: string; repo_key: string | null; job: JobId; runner: string }>;

/** Who runs, and who may continue a session; runs inside a transaction. */
export function openRunners({ db, jobs, time }: Context) {
  const write = db.prepare(
    `INSERT INTO runners (id, name, record, seen) VALUES (:id, :name, :record, :tick)
     ON CONFLICT (id) DO UPDATE SET name = :name, record = :record, seen = :tick`,
  );
  const mark = db.prepare<{ drain: number }>("SELECT drain FROM runners WHERE id = :id");
  const remove = db.prepare("DELETE FROM runners WHERE id = :id");
  const live = db.prepare<RunnerRow>("SELECT record, drain FROM runners WHERE seen > :since ORDER BY name, id");
  const drain = db.prepare("UPDATE runners SET drain = 1 WHERE name = :name AND seen > :since");
  const findSession = db.prepare<SessionRow>("SELECT * FROM sessions WHERE id = :id");
  const writeSession = db.prepare(
    "INSERT OR REPLACE INTO sessions VALUES (:id, :tenant, :repo_key, :job, :runner, :tick)",
  );
  const user = db.prepare<{ id: JobId }>(
    `SELECT id FROM jobs WHERE session_id = :id AND gone IS NULL ORDER BY status = 'running' DESC, place LIMIT 1`,
  );
  const since = () => time.tick() - runnerSilenceMs;

  return {
    announce: (record: RunnerRecord): { drain: boolean } => {
      write.run({ id: record.id, name: record.name, record: JSON.stringify(record), tick: time.tick() });
      return { drain: mark.find({ id: record.id })?.drain === 1 };
    },
    retire: (id: string): void => {
      remove.run({ id });
    },
    runners: (): RunnerRecord[] =>
      live.all({ since: since() }).map((row) => {
        const record = JSON.parse(row.record) as RunnerRecord;
        return { ...record, draining: record.draining || row.drain === 1 };
      }),
    drain: (name: string): number => drain.run({ name, since: since() }),

    saveSession: (lease: Lease, session: SessionRecord): void => {
      jobs.held(lease);
      const known = findSession.find({ id: session.id });
      if (known && (known.tenant !== session.tenant || known.repo_key !== (session.repoKey ?? null)))
        throw new AppError("session_not_found", `Session ${session.id} is not one of this tenant and repository.`);
      const { id, tenant, repoKey, job, runner } = session;
      writeSession.run({ id, tenant, repo_key: repoKey ?? null, job, runner, tick: time.tick() });
    },
    findSession: (id: string): SessionRecord | undefined => {
      const row = findSession.find({ id });
      if (!row) return undefined;
      const { repo_key, tenant, job, runner } = row;
      return { id, tenant, job, runner, ...(repo_key === null ? {} : { repoKey: repo_key }) };
    },
    sessionUser: (id: string): JobId | undefined => user.find({ id })?.id,
  };
}
