import { type Job, JobSummary } from "../../job.ts";
import type { JobPage, JobQuery } from "../../store.ts";
import { foreignListCursor } from "../list-cursor.ts";

type List = (query: JobQuery) => Promise<JobPage>;
/** Where a page ended: the rank of its last row, and where the store goes on, if it does. */
type Place = Readonly<{ below?: string; store?: string; storeOver?: boolean }>;

const prefix = "spool-";

/**
 * The store's pages with jobs of the spool among them, newest first, each once. A job that both have is shown as the
 * store has it. @throws AppError `invalid_request` for a cursor that was not given out.
 */
export async function mergedList(list: List, query: JobQuery, spooled: readonly Job[]): Promise<JobPage> {
  const { cursor, ...filter } = query;
  // A cursor of the store's own comes from a page behind which no more of the spool were to come.
  if (cursor !== undefined && !cursor.startsWith(prefix)) return list(query);
  const place = placeOf(cursor);
  const fits = (job: Job) =>
    (filter.status === undefined || job.status === filter.status) &&
    (filter.repo_url === undefined || job.repo_url === filter.repo_url) &&
    (filter.profile === undefined || job.profile === filter.profile) &&
    (place.below === undefined || rank(job) < place.below);
  const mine = spooled.filter(fits).map((job) => JobSummary.parse(job));
  const from = (limit: number): Promise<JobPage> =>
    place.storeOver
      ? Promise.resolve({ jobs: [] })
      : list({ ...filter, limit, ...(place.store === undefined ? {} : { cursor: place.store }) });
  const theirs = await from(query.limit);
  const known = new Set(theirs.jobs.map(({ id }) => id));
  const others = mine.filter(({ id }) => !known.has(id));
  if (others.length === 0) return theirs;

  const last = theirs.next === undefined ? undefined : theirs.jobs.at(-1);
  // What is older than this page's end comes with a later page.
  const near = others.filter((job) => last === undefined || rank(job) > rank(last));
  const jobs = merged(theirs.jobs, near).slice(0, query.limit);
  const shown = jobs.filter(({ id }) => known.has(id)).length;
  // Rows of the store that found no room are asked for again: only the store can make a cursor between two of its rows.
  const next = shown === theirs.jobs.length ? theirs.next : shown === 0 ? place.store : (await from(shown)).next;
  const storeOver = shown === theirs.jobs.length && theirs.next === undefined;
  const end = jobs.at(-1);
  if (!end || (storeOver && others.every((job) => jobs.includes(job)))) return { jobs };
  return { jobs, next: cursorOf({ below: rank(end), storeOver, ...(next === undefined ? {} : { store: next }) }) };
}

/** The store's rows stay in the store's order. */
function merged(theirs: readonly JobSummary[], mine: readonly JobSummary[]): JobSummary[] {
  const rest = [...mine].sort((a, b) => (rank(a) < rank(b) ? 1 : -1));
  const rows = theirs.flatMap((job) => {
    const newer = rest.findIndex((one) => rank(one) < rank(job));
    return [...rest.splice(0, newer === -1 ? rest.length : newer), job];
  });
  return [...rows, ...rest];
}

/** Sorts as text by age; the id makes it one of a kind. */
const rank = ({ created_at, id }: JobSummary) => `${new Date(created_at).toISOString()}_${id}`;

const cursorOf = (place: Place) =>
  `${prefix}${place.below}~${place.storeOver ? "over" : place.store === undefined ? "start" : `at-${place.store}`}`;

function placeOf(cursor: string | undefined): Place {
  if (cursor === undefined) return {};
  const [, below, store] = /^spool-(\d{4}-\d\d-\d\dT[\d:.]{12}Z_[0-9a-f-]{36})~(over|start|at-.+)$/.exec(cursor) ?? [];
  if (below === undefined || store === undefined) throw foreignListCursor();
  if (store === "over") return { below, storeOver: true };
  return { below, ...(store === "start" ? {} : { store: store.slice(3) }) };
}
