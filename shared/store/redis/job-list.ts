import { byPool } from "../../box-queue.ts";
import type { JobSummary } from "../../job.ts";
import type { JobPage, JobQuery, StoreCounts } from "../../store.ts";
import { foreignListCursor, listCursor, listPlace } from "../list-cursor.ts";
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
      const start = query.cursor === undefined ? undefined : listPlace(query.cursor);
      let before: number | "" = start ?? "";
      do {
        const bounds = [before, limit + 1 - found.length, stepJobs];
        const [, newest, till, rows] = await run(list, [...filters, ...bounds, ...listed(summaryFields)]);
        if (start !== undefined && start > Number(newest)) throw foreignListCursor();
        for (const row of asList(rows)) {
          const [n, values] = asList(row);
          const job = toSummary(values ?? []);
          if (fits(job, query)) found.push({ n: Number(n), job });
        }
        before = Number(till);
      } while (before > 0 && found.length <= limit);
      const page = found.slice(0, limit);
      const end = found.length > limit ? page.at(-1) : undefined;
      return { jobs: page.map(({ job }) => job), ...(end ? { next: listCursor(end.n) } : {}) };
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
