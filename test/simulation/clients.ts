import type { JobId } from "../../shared/job.ts";
import type { JobStore, NewJob } from "../../shared/store.ts";
import { aMessage, aNewJob } from "../support/a-job.ts";
import type { Random } from "../support/random.ts";
import type { Process } from "./machine.ts";
import type { Witness } from "./witness.ts";

type Deps = Readonly<{
  process: Process;
  /** As the API reaches it. */
  store: JobStore;
  random: Random;
  newId: () => string;
  witness: Witness;
}>;

export type Clients = Readonly<{
  /** Sends a job until it is accepted; with a key, perhaps twice at once. */
  submit(number: number): Promise<void>;
  /** One request about a job that was accepted, if there is one. */
  meddle(): Promise<void>;
  /** What nobody has an answer to yet. */
  pending(): number;
}>;

const repos = ["https://h/a", "https://h/b", undefined] as const;

export function openClients({ process, store, random, newId, witness }: Deps): Clients {
  const known: JobId[] = [];
  let pending = 0;

  function fresh(number: number): NewJob {
    const repoKey = random.pick(repos);
    const session = random.below(4) === 0 ? { session_id: "6f6b7c0e-6d0e-4b3e-9a57-0b3b7a3d2f10" } : {};
    const key = `key-${number}`;
    return aNewJob({
      job: {
        priority: random.below(3) - 1,
        pool: random.pick<string>(["default", "default", "big"]),
        max_attempts: 2 + random.below(3),
        ttl_seconds: 1_000_000,
        ...session,
      },
      ...(repoKey === undefined ? {} : { repoKey }),
      queueTtlSeconds: random.below(6) === 0 ? 20 : 1_000_000,
      ...(random.below(4) === 0 ? {} : { idempotency: { key, body: key } }),
    });
  }
  /** Each try is a request of its own: only the key says that it is the same. */
  async function send(job: NewJob): Promise<void> {
    pending += 1;
    for (;;) {
      const id = newId() as JobId;
      try {
        const { job: queued } = await store.submit({ ...job, job: { ...job.job, id } });
        witness.accepted({ job: queued.id, ...(job.idempotency ? { key: job.idempotency.key } : {}) });
        known.push(queued.id);
        pending -= 1;
        return;
      } catch {
        await process.clock.sleep(500 + random.below(2_000));
      }
    }
  }
  return {
    submit: async (number) => {
      const job = fresh(number);
      const isDouble = job.idempotency !== undefined && random.below(3) === 0;
      await Promise.all(isDouble ? [send(job), send(job)] : [send(job)]);
    },
    meddle: async () => {
      const job = known[random.below(known.length)];
      if (job === undefined) return;
      const act = random.pick(["cancel", "retry", "message", "message", "sweep", "drain"]);
      const cancel = async () => {
        witness.cancelAsked(job);
        const seen = await store.cancel(job, { name: "ada" });
        if (seen?.cancel_requested_at !== undefined) witness.cancelTaken(job);
      };
      const message = async () => {
        const id = newId();
        await store.addMessage(job, aMessage({ id }));
        witness.messageTaken(job, id);
      };
      const steps = {
        cancel,
        message,
        retry: () => store.retry(job),
        sweep: () => store.sweep(),
        drain: () => store.drain(`box-${random.below(3)}`),
      };
      await steps[act]().catch(() => undefined);
    },
    pending: () => pending,
  };
}
