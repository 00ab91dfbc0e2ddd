import { byPool } from "../../box-queue.ts";
import type { JobStatus, JobSummary } from "../../job.ts";
import type { JobPage, JobQuery, StoreCounts } from "../../store.ts";
import { foreignListCursor, listCursor, listPlace } from "../list-cursor.ts";
import type { Context } from "./context.node.ts";
import type { Statement, Values } from "./database.node.ts";

const filters = ["tenant", "status", "repo_url", "profile"] as const;
type Filter = (typeof filters)[number];
/** The index that leaves fewest rows to look at, where a filter names one; newest first comes with each. */
const indexes = {
  status: "jobs_status",
  repo_url: "jobs_repo",
  profile: "jobs_profile",
  tenant: "jobs_tenant",
} as const;

/** Lists and counts; runs on one snapshot. */
export function openJobList({ db, time }: Context) {
  const known = new Map<string, Statement<{ seq: number; job: string }>>();
  const newest = db.prepare<{ seq: number }>("SELECT seq FROM sqlite_sequence WHERE name = 'jobs'");
  const byStatus = db.prepare<{ status: JobStatus; n: number }>(
    "SELECT status, count(*) AS n FROM jobs GROUP BY status",
  );
  const byQueue = db.prepare<{ pool: string; queued: number; oldest: number }>(
    "SELECT pool, count(*) AS queued, min(queued_at) AS oldest FROM jobs WHERE status = 'queued' GROUP BY pool ORDER BY pool",
  );

  const statementFor = (used: readonly Filter[]) => {
    const key = used.join();
    const index = (["status", "repo_url", "profile", "tenant"] as const).find((name) => used.includes(name));
    const made =
      known.get(key) ??
      db.prepare<{ seq: number; job: string }>(
        `SELECT jobs.seq, docs.job FROM jobs ${index ? `INDEXED BY ${indexes[index]}` : "NOT INDEXED"} JOIN docs USING (seq)
         WHERE ${["seq < :before", ...used.map((name) => `${name} = :${name}`)].join(" AND ")}
         ORDER BY jobs.seq DESC LIMIT :limit`,
      );
    known.set(key, made);
    return made;
  };

  const list = (query: JobQuery): JobPage => {
    const used = filters.filter((name) => query[name] !== undefined);
    const values: Values = Object.fromEntries(used.map((name) => [name, query[name] ?? null]));
    const last = newest.find()?.seq ?? 0;
    const before = query.cursor === undefined ? last + 1 : placeOf(query.cursor, last);
    const limit = Math.max(1, query.limit);
    const rows = statementFor(used).all({ ...values, before, limit: limit + 1 });
    const page = rows.slice(0, limit);
    const end = rows.length > limit ? page.at(-1) : undefined;
    const jobs = page.map(({ job }) => JSON.parse(job) as JobSummary);
    return { jobs, ...(end ? { next: listCursor(end.seq) } : {}) };
  };

  const counts = (): StoreCounts => ({
    byStatus: Object.fromEntries(byStatus.all().map(({ status, n }) => [status, n])),
    pools: byPool(
      byQueue.all().map(({ pool, queued, oldest }) => ({
        pool,
        queued,
        oldestAgeSeconds: Math.max(0, time.tick() - oldest) / 1_000,
      })),
    ),
  });
  return { list, counts };
}

/** @throws AppError `invalid_request` for what no list gave out, or that of another store. */
function placeOf(cursor: string, last: number): number {
  const seq = listPlace(cursor);
  if (seq <= last) return seq;
  throw foreignListCursor();
}
