import { LeaseLost } from "../../error.ts";
import type { NewEvent } from "../../event.ts";
import type { Claim, ClaimRequest, Lease, Renewal, RenewRequest } from "../../store.ts";
import { claimed, patched } from "../job-change.ts";
import { openChoice } from "./choice.node.ts";
import type { Context } from "./context.node.ts";
import type { EventLog } from "./event-log.node.ts";
import { type JobRow, next } from "./job-rows.node.ts";
import type { Messages } from "./messages.node.ts";

/** Giving out and keeping of leases; all run inside a transaction. */
export function openLeases(context: Context, log: EventLog, messages: Messages) {
  const { db, jobs, time, bootId } = context;
  const byClaim = db.prepare<JobRow>("SELECT * FROM jobs WHERE claim_id = :claim_id");
  const choose = openChoice(context);
  const extend = db.prepare("UPDATE jobs SET lease_until = :until, lease_boot = :boot, told = asked WHERE seq = :seq");

  const keep = (row: JobRow, leaseMs: number) =>
    extend.run({ seq: row.seq, until: time.tick() + leaseMs, boot: bootId });

  const answer = (row: JobRow, runner: string): Claim => ({
    job: jobs.whole(row),
    lease: { job: row.id, runner, fence: row.fence },
    tenant: row.tenant,
    continues: row.attempt > 1,
    messages: messages.waiting(row),
  });

  const claim = (request: ClaimRequest): Claim | undefined => {
    const { claimId, runner, leaseMs } = request;
    const known = byClaim.find({ claim_id: claimId });
    if (known) {
      if (known.status !== "running" || known.runner !== runner) return undefined;
      // The runner counts from when it asked, which was just now.
      keep(known, leaseMs);
      return answer(known, runner);
    }
    const row = choose(request);
    return row && next(row, { type: "claim" }) ? answer(take(row, request), runner) : undefined;
  };

  const take = (row: JobRow, { claimId, runner, pod_name, leaseMs }: ClaimRequest): JobRow => {
    const at = jobs.now();
    const job = claimed(jobs.whole(row), { pod_name, at });
    const saved = jobs.save(row, job, {
      attempt: job.attempt,
      fence: row.fence + 1,
      claim_id: claimId,
      runner,
      attempt_started_at: at,
      expires: null,
    });
    keep(saved, leaseMs);
    log.countAnew(saved);
    log.append(saved, [{ type: "job.claimed", data: { pod_name } }]);
    return saved;
  };

  const renew = (lease: Lease, request: RenewRequest): Renewal => {
    const { leaseMs, patch = {}, events = [], delivered = [] } = request;
    const row = jobs.held(lease);
    if (next(row, { type: "renew" }) === undefined) throw new LeaseLost(lease.job);
    keep(row, leaseMs);
    log.appendTold(row, request);
    const { output, result, ...progress } = patch;
    if (Object.keys(progress).length > 0) {
      const before = jobs.summary(row);
      jobs.saveProgress(row, patched(before, progress));
      log.append(row, phaseEvents(before.phase, progress.phase, events));
    }
    if (output !== undefined || result !== undefined) jobs.saveBulk(row, { output, result });
    messages.deliver(row, delivered);
    return {
      messages: messages.waiting(row),
      ...(row.cancel_at === null ? {} : { cancel: { by: row.cancel_by ?? "", at: row.cancel_at } }),
    };
  };
  return { claim, renew };
}

/** A phase that a patch brings is told of once, also where the runner did so itself. */
function phaseEvents(before: string | undefined, phase: JobPhaseOf, events: readonly NewEvent[]): NewEvent[] {
  const told = events.some((event) => event.type === "phase.changed" && event.data.phase === phase);
  return phase === undefined || phase === before || told ? [] : [{ type: "phase.changed", data: { phase } }];
}
type JobPhaseOf = Extract<NewEvent, { type: "phase.changed" }>["data"]["phase"] | undefined;
