import { isStoreAway, LeaseLost } from "../shared/error.ts";
import type { Verdict } from "./claude/judge.ts";
import type { Publication, Published, Workplace } from "./workplace.ts";

/**
 * Publishes the work. That of a job which has failed is a draft, and a failure to publish it is a sentence beside its own:
 * why it has failed stays what people are told.
 * @throws what `publish` throws for a job that has not failed, and always LeaseLost, a store that is away, the signal's reason.
 */
export async function handOver(
  { publish }: Pick<Workplace, "publish">,
  verdict: Verdict,
  publication: Publication,
): Promise<Published> {
  if (verdict.status === "succeeded") return await publish(publication);
  const { job } = publication;
  const warnings = [`This work is unfinished: ${verdict.error}`, ...(job.warnings ?? [])];
  try {
    return await publish({ ...publication, draft: true, job: { ...job, warnings } });
  } catch (error) {
    if (publication.signal.aborted || error instanceof LeaseLost || isStoreAway(error)) throw error;
    const why = error instanceof Error ? error.message : String(error);
    return { patch: {}, events: [], warnings: [`What was done could not be published: ${why}`] };
  }
}
