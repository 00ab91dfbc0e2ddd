import { type Clock, jittered } from "../shared/clock.ts";
import { LeaseLost } from "../shared/error.ts";
import type { NewEvent } from "../shared/event.ts";
import type { JobPatch, Message } from "../shared/job.ts";
import type { Log } from "../shared/log.ts";
import type { Claim, JobStore, Lease } from "../shared/store.ts";
import { openOutbox, type Pending } from "./outbox.ts";
import { Stop } from "./stop.ts";

/** Milliseconds. `urgentMs` is the pause between renewals while they fail. */
export type LeaseTimes = Readonly<{ leaseMs: number; renewMs: number; urgentMs: number }>;
/** Until when the job's processes may live, in `Clock.uptime()`: SIGTERM at `softAt`, SIGKILL at `hardAt`. */
export type Grant = Readonly<{ softAt: number; hardAt: number }>;
export type Leftover = Pick<Pending, "patch" | "events" | "firstEvent">;

/** Keeps the right to run one attempt, and carries to the store what happens meanwhile. */
export interface LeaseKeeper extends AsyncDisposable {
  readonly lease: Lease;
  /** Aborts with a Stop when the lease is lost or somebody cancelled. */
  readonly signal: AbortSignal;
  /** Kept until the next renewal: at most a second, or at once when they are many. */
  emit(...events: readonly NewEvent[]): void;
  /** The same; a phase is written at once. */
  patch(patch: JobPatch): void;
  /** Resolves when the store has kept up with what was emitted, after a second at most, or when the signal aborts. */
  room(signal: AbortSignal): Promise<void>;
  /** Claude took these messages up. */
  delivered(messageId: string): void;
  /** Writes what is pending and proves the fence. @throws LeaseLost */
  flush(): Promise<void>;
  /** What may be granted at this moment, from when the last successful renewal was sent. */
  grant(): Grant;
  onGrant(listener: (grant: Grant) => void): void;
  onMessage(listener: (message: Message) => void): void;
  /** What a person has said and Claude has not taken up, `new`: since the attempt began. */
  unheard(which: "all" | "new"): readonly Message[];
  /** Ends renewing and gives what was not written yet, for `finish` or `release`. */
  end(): Promise<Leftover>;
}

const appendAfterMs = 1_000;
const appendBytes = 64 * 1024;
const appendAfter = (bytes: number): number => (bytes >= appendBytes ? 0 : appendAfterMs);
/** A store that is away must not keep us from seeing how much Claude prints. */
const roomMs = 1_000;
const controlPauseMs = 500;

/** A claim, and when it was asked for: the lease may have begun as early as that. Milliseconds of `Clock.uptime()`. */
export type Held = Readonly<{ claim: Claim; claimId: string; sentAt: number }>;
type Deps = Readonly<{ store: JobStore; clock: Clock; log: Log; random: () => number }>;

export function keepLease(
  { claim, sentAt: claimedAt }: Omit<Held, "claimId">,
  { store, clock, log, random }: Deps,
  times: LeaseTimes,
): LeaseKeeper {
  const { lease } = claim;
  const lost = new AbortController();
  const over = new AbortController();
  const grantListeners: ((grant: Grant) => void)[] = [];
  const messageListeners: ((message: Message) => void)[] = [];
  const seen = new Map(claim.messages.map((message) => [message.id, message]));
  const known = new Set(seen.keys());
  const heard = new Set<string>();
  const outbox = openOutbox();
  let wake = new AbortController();
  let sentAt = claimedAt;
  let dueAt = sentAt + jittered(times.renewMs, random);
  let failing = false;
  let tail: Promise<void> = Promise.resolve();

  const stop = (error: Stop) => lost.signal.aborted || lost.abort(error);
  const grant = (): Grant => ({ softAt: sentAt + 0.8 * times.leaseMs, hardAt: sentAt + 0.85 * times.leaseMs });
  const leftMs = () => Math.max(0, grant().softAt - clock.uptime());
  const sooner = (afterMs: number) => {
    if (failing) return; // a store that is away is asked when that is due, however much there is to write
    dueAt = Math.min(dueAt, clock.uptime() + afterMs);
    wake.abort();
  };

  /** Also while renewals fail: whoever has asked for something has reached the store, so it is there again. */
  const renewNow = () => {
    dueAt = clock.uptime();
    wake.abort();
  };

  async function renew(): Promise<void> {
    const taken = outbox.take();
    const sending = clock.uptime();
    try {
      const renewal = await store.renew(lease, { leaseMs: times.leaseMs, ...taken });
      sentAt = sending;
      failing = false;
      dueAt = sending + (outbox.isEmpty() ? jittered(times.renewMs, random) : appendAfter(outbox.bytes()));
      for (const listener of grantListeners) listener(grant());
      for (const message of renewal.messages) tell(message);
      if (renewal.cancel) stop(new Stop("cancelled"));
    } catch (error) {
      if (error instanceof LeaseLost) {
        stop(new Stop("lease-lost", { cause: error }));
        throw error;
      }
      outbox.putBack(taken);
      failing = true;
      dueAt = clock.uptime() + jittered(Math.min(times.urgentMs, times.renewMs), random);
      wake.abort(); // whoever sleeps until the next ordinary renewal has less time now
      log.warn("the lease could not be renewed", { error: String(error), left_ms: Math.round(leftMs()) });
      throw error;
    } finally {
      if (leftMs() === 0) stop(new Stop("lease-lost"));
    }
  }
  function tell(message: Message): void {
    if (seen.has(message.id)) return;
    seen.set(message.id, message);
    for (const listener of messageListeners) listener(message);
  }
  /** One renewal at a time; each caller's cover all that was pending when it called. */
  function flush(): Promise<void> {
    const upTo = outbox.count();
    const renewals = async () => {
      do await renew();
      while (outbox.taken() < upTo);
    };
    const next = tail.then(renewals);
    tail = next.catch(() => undefined);
    return next;
  }
  async function renewing(): Promise<void> {
    while (!over.signal.aborted && !lost.signal.aborted) {
      wake = new AbortController();
      const dueMs = Math.max(0, dueAt - clock.uptime());
      const waitMs = failing ? Math.min(dueMs, leftMs()) : dueMs;
      if (waitMs > 0) await clock.sleep(waitMs, AbortSignal.any([wake.signal, over.signal]));
      if (over.signal.aborted) return;
      if (clock.uptime() >= dueAt || leftMs() === 0) await flush().catch(() => undefined);
    }
  }
  async function listening(): Promise<void> {
    while (!over.signal.aborted && !lost.signal.aborted) {
      await store
        .changed({ job: lease.job, control: true, timeoutMs: 60_000, signal: over.signal })
        .catch(() => clock.sleep(times.urgentMs, over.signal));
      if (over.signal.aborted) return;
      renewNow();
      await clock.sleep(controlPauseMs, over.signal);
    }
  }
  const loops = Promise.all([renewing(), listening()]);

  async function end(): Promise<Leftover> {
    over.abort();
    await loops;
    await tail;
    return outbox.rest();
  }
  return {
    lease,
    signal: lost.signal,
    emit: (...events) => {
      if (events.length === 0) return;
      const before = outbox.hasEvents() ? appendAfter(outbox.bytes()) : Number.POSITIVE_INFINITY;
      outbox.add(events);
      const after = appendAfter(outbox.bytes());
      if (after < before) sooner(after);
    },
    room: async (signal) => {
      if (!outbox.isFull()) return;
      const enough = new AbortController();
      const patience = clock.sleep(roomMs, AbortSignal.any([signal, lost.signal, over.signal, enough.signal]));
      await Promise.race([outbox.room(), patience]);
      enough.abort();
    },
    patch: (patch) => {
      outbox.patch(patch);
      sooner(patch.phase === undefined ? appendAfterMs : 0);
    },
    delivered: (messageId) => {
      heard.add(messageId);
      outbox.deliver(messageId);
      sooner(0);
    },
    flush,
    grant,
    onGrant: (listener) => void grantListeners.push(listener),
    onMessage: (listener) => {
      messageListeners.push(listener);
      for (const message of seen.values()) listener(message);
    },
    unheard: (which) =>
      [...seen.values()].filter(
        ({ id, answer }) => answer === undefined && !heard.has(id) && (which === "all" || !known.has(id)),
      ),
    end,
    [Symbol.asyncDispose]: async () => void (await end()),
  };
}
