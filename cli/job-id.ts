import type { ApiClient } from "../shared/client.ts";
import { UsageError } from "./exit-code.ts";

/**
 * The job that a person means: its whole id, or the first characters of one among the newest hundred
 * (a branch carries eight of them).
 * @throws UsageError where the word is neither, or fits several jobs; NoServer.
 */
export async function findJobId(client: ApiClient, word: string): Promise<string> {
  const start = word.toLowerCase().replace(/^agenticore-/, "");
  // Whether there is one is the server's to say.
  if (/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(start)) return start;
  if (!/^[0-9a-f][0-9a-f-]{3,35}$/.test(start))
    throw new UsageError(`\`${word}\` is not a job's id; \`agenticore jobs\` lists them.`);
  const { jobs } = await client.jobs({ limit: 100 });
  const fitting = jobs.filter(({ id }) => id.startsWith(start));
  const [job] = fitting;
  if (job && fitting.length === 1) return job.id;
  throw new UsageError(
    job
      ? `\`${word}\` is the beginning of ${fitting.length} jobs; give more of it.`
      : `No job among the newest 100 begins with \`${word}\`; give the whole id.`,
  );
}
