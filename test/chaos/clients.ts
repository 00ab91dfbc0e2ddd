import { apiClient } from "../../shared/client.ts";
import { systemClock } from "../../shared/clock.node.ts";
import { AppError } from "../../shared/error.ts";
import type { Job } from "../../shared/job.ts";
import type { Order } from "./orders.ts";

type Client = ReturnType<typeof apiClient>;

/** An order, and what its client was told: that is what must hold. */
export type Told = {
  readonly order: Order;
  /** Ids that any answer to this idempotency key named: one, or something is broken. */
  readonly ids: Set<string>;
  /** Somebody asked to cancel it, whether or not that was answered. */
  cancelAsked: boolean;
  /** An answer said that the cancel is noted: by the store, or by a server that keeps it until it reaches the store. */
  cancelTaken: "by the store" | "by a server" | undefined;
  /** Ids of the events that somebody saw who followed it. */
  readonly followed: string[] | undefined;
};

export type Asking = Readonly<{
  /** Where the APIs are: any of them must do. */
  urls: readonly string[];
  repo: string;
  signal: AbortSignal;
}>;

/** Clients that give up on no request: who gets no answer asks the next API, with the same key. */
export function openClients({ urls, repo, signal }: Asking) {
  const clients = urls.map((url) => apiClient({ url, fetch: timedFetch, clock: systemClock }));
  const told: Told[] = [];
  let answers = 0;
  let failures = 0;

  /** Of any API, beginning with the chosen one. @throws AppError for what no other API would answer otherwise. */
  async function ask<T>(choice: number, act: (client: Client) => Promise<T>): Promise<T> {
    const patience = AbortSignal.timeout(notFoundMs);
    for (let at = Math.floor(choice * clients.length); ; at += 1) {
      signal.throwIfAborted();
      const client = clients[at % clients.length];
      if (client === undefined) throw new Error("there is no API");
      try {
        const answer = await act(client);
        answers += 1;
        return answer;
      } catch (error) {
        failures += 1;
        if (error instanceof AppError && !isPassing(error, patience.aborted)) throw error;
        await systemClock.sleep(150, signal);
      }
    }
  }
  async function place(order: Order): Promise<Told> {
    const one: Told = {
      order,
      ids: new Set(),
      cancelAsked: false,
      cancelTaken: undefined,
      followed: order.follows ? [] : undefined,
    };
    told.push(one);
    await pursue(order, one);
    return one;
  }
  async function pursue(order: Order, one: Told): Promise<void> {
    const request = { task: order.task, max_attempts: 5, ...(order.inRepo ? { repo_url: repo } : {}) };
    const send = async (copy: number) => {
      const choice = order.choice + copy / clients.length;
      const { job } = await ask(choice, (client) => client.submit(request, { idempotencyKey: order.key, signal }));
      one.ids.add(job.id);
    };
    await Promise.all(Array.from({ length: order.copies }, (_, copy) => send(copy)));
    await Promise.all([
      after(order.againMs, () => send(1)),
      after(order.cancelMs, () => cancel(one)),
      after(order.messageMs, () => speak(one)),
      one.followed && follow(one, one.followed),
    ]);
  }
  /** To the end, through one API, whatever becomes of it meanwhile. */
  async function follow(one: Told, seen: string[]): Promise<void> {
    await ask(one.order.choice, async (client) => {
      const rest = seen.at(-1);
      for await (const { id } of client.follow(idOf(one), {
        signal,
        ...(rest === undefined ? {} : { after: rest }),
      }))
        seen.push(id);
    });
  }
  async function cancel(one: Told): Promise<void> {
    one.cancelAsked = true;
    const job = await ask(1 - one.order.choice, (client) => client.cancel(idOf(one), { signal }));
    if (job.cancel_requested_at !== undefined) one.cancelTaken = job.source === "file" ? "by a server" : "by the store";
  }
  async function speak(one: Told): Promise<void> {
    const text = `And mind ${one.order.key}.`;
    const sent = ask(one.order.choice, (client) => client.message(idOf(one), { text }, { signal }));
    await sent.catch((error: unknown) => {
      // A job that has ended takes none.
      if (!(error instanceof AppError && error.code === "conflict")) throw error;
    });
  }
  async function after(ms: number | undefined, act: () => Promise<void>): Promise<void> {
    if (ms === undefined) return;
    await systemClock.sleep(ms, signal);
    await act();
  }
  return {
    /** Sends an order, and does all that goes with it. */
    place,
    cancel,
    ask,
    /** What was placed, and what came of it. */
    told: (): readonly Told[] => told,
    job: (id: string): Promise<Job> => ask(0, (client) => client.job(id, { signal })),
    events: async (id: string) => {
      const all = [];
      for (let after: string | undefined; ; ) {
        const page = await ask(0, (client) => client.events(id, { signal, ...(after === undefined ? {} : { after }) }));
        all.push(...page.events);
        if (page.next === undefined || page.events.length === 0) return all;
        after = page.next;
      }
    },
    counts: () => ({ answers, failures }),
  };
}
export type Clients = ReturnType<typeof openClients>;

export const idOf = ({ ids }: Told): string => [...ids][0] ?? "";

/** A job that one API keeps on its disk while the store is away is not known to the others. */
const notFoundMs = 30_000;
const isPassing = ({ code }: AppError, outOfPatience: boolean): boolean =>
  code === "store_unavailable" || code === "internal" || (code === "not_found" && !outOfPatience);

/** No answer within ten seconds is none. */
const timedFetch: typeof fetch = (input, init) => {
  const limit = AbortSignal.timeout(10_000);
  return fetch(input, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, limit]) : limit });
};
