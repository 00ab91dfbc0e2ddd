import { byPool } from "../../box-queue.ts";
import { AppError } from "../../error.ts";
import type { JobSummary } from "../../job.ts";
import type { JobPage, JobQuery, StoreCounts } from "../../store.ts";
import { asList, type Context } from "./context.ts";
import { listed, summaryFields, toSummary } from "./job-hash.ts";
import { counts, list } from "./lua/lists.ts";

/** How many jobs one step looks at. */
const stepJobs = 500;

/** Lists and counts. */
export function openJobList({ run }: Pick<Context, "run">) {
  return {
    list: async (query: JobQuery): Promise<JobPage> => {
      const limit = Math.max(1, query.limit);
      const filters = [query.tenant ?? "", query.status ?? "", needle("repo_url", query), needle("profile", query)];
      const found: { n: number; job: JobSummary }[] = [];
      const start = query.cursor === undefined ? undefined : placeOf(query.cursor);
      let before: number | "" = start ?? "";
      do {
        const bounds = [before, limit + 1 - found.length, stepJobs];
        const [, newest, till, rows] = await run(list, [...filters, ...bounds, ...listed(summaryFields)]);
        if (start !== undefined && start > Number(newest)) throw foreign();
        for (const row of asList(rows)) {
          const [n, values] = asList(row);
          const job = toSummary(values ?? []);
          if (fits(job, query)) found.push({ n: Number(n), job });
        }
        before = Number(till);
      } while (before > 0 && found.length <= limit);
      const page = found.slice(0, limit);
      const end = found.length > limit ? page.at(-1) : undefined;
      return { jobs: page.map(({ job }) => job), ...(end ? { next: cursorOf(end.n) } : {}) };
    },

    counts: async (): Promise<StoreCounts> => {
      const [, statuses, pools] = await run(counts, []);
      const words = asList(statuses);
      return {
        byStatus: Object.fromEntries(
          words.flatMap((name, n) => (n % 2 === 0 && Number(words[n + 1]) > 0 ? [[name, Number(words[n + 1])]] : [])),
        ),
        pools: byPool(
          asList(pools).map((row) => {
            const [pool, queued, ms] = asList(row);
            return { pool: String(pool), queued: Number(queued), oldestAgeSeconds: Number(ms) / 1_000 };
          }),
        ),
      };
    },
  };
}

/** What the JSON of a request that fits has in it; others may have it too, in their metadata. */
const needle = (name: "repo_url" | "profile", query: JobQuery): string =>
  query[name] === undefined ? "" : JSON.stringify({ [name]: query[name] }).slice(1, -1);
const fits = (job: JobSummary, { repo_url = job.repo_url, profile = job.profile }: JobQuery): boolean =>
  job.repo_url === repo_url && job.profile === profile;

/** FNV-1a (isthe.com/chongo/tech/comp/fnv): tells a cursor of ours from a guess or a slip; it guards nothing. */
function checksum(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(`job list ${text}`)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(16).padStart(8, "0");
}
const cursorOf = (n: number) => `${n.toString(36)}-${checksum(n.toString(36))}`;

/** @throws AppError `invalid_request` for what `cursorOf` has not made. */
function placeOf(cursor: string): number {
  const [place = "", sum, ...rest] = cursor.split("-");
  const n = Number.parseInt(place, 36);
  if (rest.length === 0 && sum === checksum(place) && n >= 1) return n;
  throw foreign();
}
const foreign = () =>
  new AppError("invalid_request", "The cursor is not one that a list gave out.", {
    remedy: "Use `next_cursor` of the page before, or leave the cursor out.",
    errors: [{ path: "cursor", message: "was not given out by this store" }],
  });
