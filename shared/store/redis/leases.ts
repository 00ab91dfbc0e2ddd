import { iso } from "../../clock.ts";
import { LeaseLost } from "../../error.ts";
import type { Message } from "../../job.ts";
import type { Claim, ClaimRequest, Lease, Renewal, RenewRequest } from "../../store.ts";
import { patched } from "../job-change.ts";
import { asList, type Context } from "./context.ts";
import { eventWords } from "./event-words.ts";
import { asFacts, asWritten, listed, toFields, toFirst, toSeen } from "./job-hash.ts";
import { claim } from "./lua/claim.ts";
import { renew } from "./lua/renew.ts";
import type { Reply } from "./wire.ts";

type Parts = Pick<Context, "run" | "limits" | "newId" | "news">;

/** Giving out and keeping of leases. */
export function openLeases({ run, limits, newId, news }: Parts) {
  const lost = ({ job }: Lease): LeaseLost => {
    news.letGo(job);
    return new LeaseLost(job);
  };
  return {
    claim: async (request: ClaimRequest): Promise<Claim | undefined> => {
      const { claimId, runner, pod_name, leaseMs, pools, warm = [] } = request;
      news.serve(runner);
      const [word, ...rest] = await run(claim, [claimId, asFacts([runner, pod_name, leaseMs, pools, warm])]);
      if (word === "none") {
        const [claimed, nextMs] = rest;
        return void news.note({ claimed, nextMs, leaseMs });
      }
      const [hash, changes, messages] = rest;
      news.note({ claimed: rest.at(-1), alsoMs: leaseMs, leaseMs });
      const { job, revision, tenant, startedAt } = word === "first" ? toFirst(rest, pod_name) : toSeen(hash, changes);
      const lease = { job: job.id, runner, fence: job.attempt };
      news.hold(lease, { job, revision, startedAt });
      news.saw(job.id, revision);
      return {
        job,
        lease,
        tenant,
        continues: job.attempt > 1,
        messages: word === "first" ? [] : toMessages(messages),
      };
    },

    renew: async (lease: Lease, request: RenewRequest): Promise<Renewal> => {
      const { leaseMs, patch = {}, events = [], delivered = [] } = request;
      const isTold = events.some(({ type, data }) => type === "phase.changed" && data.phase === patch.phase);
      const answer = await run(
        renew,
        [
          ...[limits, newId(), lease.job, lease.runner, lease.fence, leaseMs],
          ...listed(toFields(patch)),
          patch.phase !== undefined && !isTold ? 1 : 0,
          ...eventWords(request),
          ...listed(delivered),
        ],
        lease.job,
      ).catch((error: unknown) => {
        // It may have been done all the same.
        news.madeOf(lease.job, undefined);
        throw error;
      });
      const [word, messages, by, at, before, after] = answer;
      if (word !== "kept") throw lost(lease);
      const known = news.held(lease.job);
      const isKnown = known !== undefined && known.revision === before;
      if (typeof after === "number")
        news.madeOf(
          lease.job,
          isKnown ? { ...known, job: patched(known.job, asWritten(patch)), revision: after } : undefined,
        );
      return {
        messages: toMessages(messages),
        ...(at === "" ? {} : { cancel: { by: String(by), at: iso(Number(at)) } }),
      };
    },
  };
}

/** In the order in which they came; what was delivered has left an empty text. */
const toMessages = (texts: Reply | undefined): Message[] =>
  asList(texts)
    .filter((text) => text !== "")
    .map(String)
    .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
    .map((text) => JSON.parse(text.slice(text.indexOf(" ") + 1)) as Message);
