import { abortable } from "../abortable.ts";

/** One piece of work that several callers wait for. It is stopped only when all of them have gone. */
type Flight<T> = { readonly promise: Promise<T>; readonly stop: AbortController; waiters: number };
type Ask<T> = Readonly<{ key: string; signal: AbortSignal; work: (signal: AbortSignal) => Promise<T> }>;

export type Flights<T> = (ask: Ask<T>) => Promise<Readonly<{ value: T; shared: boolean }>>;

/**
 * Shares equal work between callers.
 * `fresh: true`: nobody gets an answer that was begun before he asked: while one is under way, all who
 * come wait together for the next. `fresh: false`: whoever comes joins what is under way.
 */
export function makeFlights<T>({ fresh }: Readonly<{ fresh: boolean }>): Flights<T> {
  const running = new Map<string, Flight<T>>();
  const next = new Map<string, Flight<T>>();

  const begin = ({ key, work }: Ask<T>, after: Promise<unknown>): Flight<T> => {
    const stop = new AbortController();
    const fly = async () => {
      await after.catch(() => undefined);
      if (next.get(key) === flight) next.delete(key);
      running.set(key, flight);
      try {
        return await work(stop.signal);
      } finally {
        if (running.get(key) === flight) running.delete(key);
      }
    };
    const flight: Flight<T> = { promise: fly(), stop, waiters: 0 };
    next.set(key, flight);
    return flight;
  };

  return async (ask) => {
    ask.signal.throwIfAborted();
    const current = running.get(ask.key);
    const joined = [next.get(ask.key), fresh ? undefined : current].find(
      (flight) => flight?.stop.signal.aborted === false,
    );
    const flight = joined ?? begin(ask, current?.promise ?? Promise.resolve());
    return { value: await land(flight, ask.signal), shared: joined !== undefined };
  };
}

async function land<T>(flight: Flight<T>, signal: AbortSignal): Promise<T> {
  flight.waiters += 1;
  try {
    return await abortable(flight.promise, signal);
  } finally {
    flight.waiters -= 1;
    if (flight.waiters === 0) flight.stop.abort(signal.reason);
  }
}
