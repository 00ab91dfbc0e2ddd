import type { Claim, JobStore } from "../../shared/store.ts";
import { aRequest, toSubmit } from "./our-side.ts";
import { aSpec, inFlight, type QueueSide } from "./queue-side.ts";
import { type Commands, watchCommands } from "./watch-commands.ts";

const jobs = 50;
/** How many commands one call, or one job, makes. */
export type PerJob = Readonly<{ what: string; sent: number; inScripts: number }>;

const perJob = (what: string, { sent, inScripts }: Commands): PerJob => ({
  what,
  sent: sent / jobs,
  inScripts: inScripts / jobs,
});

/** Of each operation of the store, one after the other. */
export async function commandsOf(store: JobStore, url: string): Promise<readonly PerJob[]> {
  const claims: Claim[] = [];
  const each = (act: (claim: Claim) => Promise<unknown>) => () =>
    claims.reduce<Promise<unknown>>((before, claim) => before.then(() => act(claim)), Promise.resolve());
  // The scripts are known to Redis from here on.
  await store.submit(toSubmit(aSpec()));
  const first = await store.claim(aRequest());
  if (first) await store.renew(first.lease, { leaseMs: 360_000 });
  if (first) await store.finish(first.lease, { status: "succeeded", patch: {} });

  const submit = await watchCommands(url, () => inFlight(jobs, 1, () => store.submit(toSubmit(aSpec()))));
  const claim = await watchCommands(url, () =>
    inFlight(jobs, 1, async () => {
      const claimed = await store.claim(aRequest());
      if (claimed) claims.push(claimed);
    }),
  );
  const renew = await watchCommands(
    url,
    each(({ lease }) => store.renew(lease, { leaseMs: 360_000 })),
  );
  const event = { type: "claude.said", data: { text: "I look at the importer first." } } as const;
  const told = await watchCommands(
    url,
    each(({ lease }) => store.renew(lease, { leaseMs: 360_000, events: [event] })),
  );
  const finish = await watchCommands(
    url,
    each(({ lease }) => store.finish(lease, { status: "succeeded", patch: {} })),
  );
  const empty = await watchCommands(url, () => inFlight(jobs, 1, () => store.claim(aRequest())));
  return [
    ...[perJob("submit", submit), perJob("claim", claim), perJob("renew", renew), perJob("renew with an event", told)],
    ...[perJob("finish", finish), perJob("claim of nothing", empty)],
  ];
}

/** From submission to the end, with an idle worker that is woken by each. */
export async function commandsPerJob(side: QueueSide, url: string): Promise<PerJob> {
  let done = Promise.withResolvers<void>();
  await using _worker = await side.idleWorker(() => done.resolve());
  const one = async () => {
    done = Promise.withResolvers();
    await side.enqueue(aSpec());
    await done.promise;
  };
  await inFlight(5, 1, one);
  return perJob(`${side.name}: a whole job`, await watchCommands(url, () => inFlight(jobs, 1, one)));
}
