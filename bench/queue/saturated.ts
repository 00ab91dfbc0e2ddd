import type { Claim } from "../../shared/store.ts";
import { spreadOf } from "../statistics.ts";
import { aRequest, type OurSide, toSubmit } from "./our-side.ts";
import { aSpec } from "./queue-side.ts";

/** What calls take while a repository is at its limit. Milliseconds, medians. */
export type Saturated = Readonly<{ claimOfAnother: number; emptyClaim: number; enqueue: number }>;

type Options = Readonly<{ limit: number; parked: number; samples: number }>;

/** `parked` jobs of one repository wait, of which `limit` run; jobs of another come and are claimed. */
export async function saturated({ store, fill }: OurSide, { limit, parked, samples }: Options): Promise<Saturated> {
  await fill(parked + limit);
  for (let slot = 0; slot < limit; slot += 1) await store.claim(aRequest());
  const took = { claimOfAnother: [] as number[], emptyClaim: [] as number[], enqueue: [] as number[] };
  for (let sample = 0; sample < samples; sample += 1) {
    await timed(took.emptyClaim, () => store.claim(aRequest()));
    await timed(took.enqueue, () => store.submit(toSubmit(aSpec())));
    const other = { ...aSpec(), repo_url: "https://git.example/team/other" };
    await store.submit(toSubmit(other));
    const claim: Claim | undefined = await timed(took.claimOfAnother, () => store.claim(aRequest()));
    if (claim?.job.id !== other.id) throw new Error("the job of another repository was not claimed");
    await store.finish(claim.lease, { status: "succeeded", patch: {} });
  }
  const { claimOfAnother, emptyClaim, enqueue } = took;
  return {
    claimOfAnother: spreadOf(claimOfAnother).median,
    emptyClaim: spreadOf(emptyClaim).median,
    enqueue: spreadOf(enqueue).median,
  };
}

async function timed<T>(into: number[], act: () => Promise<T>): Promise<T> {
  const since = performance.now();
  const result = await act();
  into.push(performance.now() - since);
  return result;
}
