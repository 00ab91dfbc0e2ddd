import { isTerminal, type Job, type JobId, JobSummary } from "../../job.ts";
import type { JobPage, JobQuery } from "../../store.ts";
import { foreignListCursor } from "../list-cursor.ts";
import type { JobCopy, JobFolder } from "./job-folder.node.ts";

const readsAtOnce = 16;
const prefix = "file-";

/** What the copies can say while the store cannot. */
export function openFileAnswers(folder: JobFolder) {
  const all = async (): Promise<JobCopy[]> => {
    const ids = await folder.ids();
    const copies: JobCopy[] = [];
    for (let start = 0; start < ids.length; start += readsAtOnce) {
      const some = await Promise.all(ids.slice(start, start + readsAtOnce).map(folder.read));
      copies.push(...some.filter((copy) => copy !== undefined));
    }
    return copies;
  };

  return {
    all,
    /** A cursor that `list` of the files gave out, which the store would not know. */
    isCursor: (cursor: string | undefined): boolean => cursor?.startsWith(prefix) === true,
    find: async (id: JobId, tenant?: string): Promise<Job | undefined> => {
      const copy = await folder.read(id);
      return copy && isOf(copy, tenant) ? toJob(copy) : undefined;
    },
    /** Newest first, as the store lists them. @throws AppError `invalid_request` for a cursor that was not given out here. */
    list: async ({ tenant, status, repo_url, profile, limit, cursor }: JobQuery): Promise<JobPage> => {
      const after = cursor === undefined ? undefined : rankOf(cursor);
      const fits = (copy: JobCopy) =>
        isOf(copy, tenant) &&
        (status === undefined || copy.status === status) &&
        (repo_url === undefined || copy.repo_url === repo_url) &&
        (profile === undefined || copy.profile === profile) &&
        (after === undefined || rank(copy) < after);
      const found = (await all()).filter(fits).sort((a, b) => (rank(a) < rank(b) ? 1 : -1));
      const page = found.slice(0, Math.max(1, limit));
      const last = found.length > page.length ? page.at(-1) : undefined;
      const jobs = page.map((copy) => JobSummary.parse(toJob(copy)));
      return { jobs, ...(last ? { next: `${prefix}${rank(last)}` } : {}) };
    },
  };
}

/** Without a known owner a copy is shown only to who may see everything. */
const isOf = (copy: JobCopy, tenant: string | undefined) => tenant === undefined || copy.tenant === tenant;

const toJob = ({ tenant, ...job }: JobCopy): Job => ({
  ...job,
  source: "file",
  ...(isTerminal(job.status) ? {} : { stale: true }),
});

/** Sorts as text by age; the id makes it one of a kind. */
const rank = (copy: JobCopy) => `${new Date(copy.created_at).toISOString()}_${copy.id}`;

function rankOf(cursor: string): string {
  const found = /^file-(\d{4}-\d\d-\d\dT[\d:.]{12}Z_[0-9a-f-]{36})$/.exec(cursor)?.[1];
  if (found !== undefined) return found;
  throw foreignListCursor();
}
