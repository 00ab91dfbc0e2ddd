import type { ChangeQuery } from "../../shared/change-query.ts";
import { AppError } from "../../shared/error.ts";
import type { JobStore } from "../../shared/store.ts";
import type { Random } from "../support/random.ts";
import type { Process } from "./machine.ts";
import type { Timeline } from "./timeline.ts";

/** How bad the ways to the store are: of a hundred calls so many. */
export type Weather = Readonly<{
  lostBefore: number;
  lostAfter: number;
  late: number;
  twice: number;
  deafHints: number;
}>;
export const calm: Weather = { lostBefore: 0, lostAfter: 0, late: 0, twice: 0, deafHints: 0 };

/** What others are told as hints, when the store was changed. */
type Hint = Readonly<{ job?: string; runner?: string; control?: boolean; any?: boolean }>;
type Waiter = Readonly<{ what: ChangeQuery; wake: () => void }>;

export type Network = Readonly<{
  /** A store as that process reaches it. */
  reach(process: Process, store: JobStore): JobStore;
  setWeather(weather: Weather): void;
  /** Nobody reaches the store for so many milliseconds. */
  outage(ms: number): void;
}>;

/** What a process waits for an answer, by its own clock. */
const patienceMs = 4_000;
const away = (call: string) => new AppError("store_unavailable", `no answer to ${call}`);

/** Calls whose repetition is none: what the way to a store may do twice. */
const repeatable = new Set(["submit", "claim", "renew", "finish", "cancel", "addMessage", "announce"]);
/** After these there may be something to claim. */
const opening = new Set(["submit", "finish", "release", "cancel", "retry", "sweep"]);

type Watch = Readonly<{ random: Random; trace: (line: () => string) => void; after: (call: string) => Promise<void> }>;

/** Carries each call to the real store and its answer back, one at a time: late, twice, or not at all. */
export function openNetwork(timeline: Timeline, { random, trace, after }: Watch): Network {
  const waiters = new Set<Waiter>();
  let weather = calm;
  let outUntil = -1;
  const chance = (percent: number) => random.below(100) < percent;
  const isOut = () => timeline.now() < outUntil;

  function hint({ job, runner, control = false, any = false }: Hint): void {
    for (const waiter of [...waiters]) {
      const { what } = waiter;
      const concerns =
        what.runner === undefined
          ? what.job === undefined
            ? any
            : what.job === job && (control || what.control === undefined)
          : what.runner.split("/")[0] === runner;
      if (concerns && !isOut() && !chance(weather.deafHints))
        timeline.at(timeline.now() + 1 + random.below(200), waiter.wake);
    }
  }
  function hintOf(call: string, args: readonly unknown[]): void {
    const [first] = args;
    const job = typeof first === "string" ? first : (first as { job?: string } | undefined)?.job;
    if (call === "drain") hint({ runner: String(first) });
    else {
      const control = call === "cancel" || call === "addMessage";
      hint({ ...(job === undefined ? {} : { job }), control, any: opening.has(call) });
    }
  }

  const reach = (process: Process, store: JobStore): JobStore => {
    const call = (name: string, args: readonly unknown[]): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const act = store[name as keyof JobStore] as (...given: readonly unknown[]) => Promise<unknown>;
        const lateMs = chance(weather.late) ? random.below(3 * patienceMs) : 0;
        const there = timeline.now() + 1 + random.below(20) + lateMs;
        const isLost = isOut() || chance(weather.lostBefore);
        const isUnheard = chance(weather.lostAfter);
        const again = repeatable.has(name) && chance(weather.twice) ? there + random.below(20_000) : undefined;
        const drop = [
          timeline.at(timeline.now() + patienceMs, () => process.deliver(() => settle(() => reject(away(name))))),
        ];
        const settle = (end: () => void) => {
          for (const take of drop.splice(0)) take();
          end();
        };
        const execute = async (isFirst: boolean) => {
          if (isOut()) return trace(() => `${name} does not get through`);
          const answer = await Promise.resolve(act(...args)).then(
            (value) => ({ value, end: () => resolve(value) }),
            (error: unknown) => ({ value: error, end: () => reject(error) }),
          );
          trace(
            () =>
              `${name} ${say(args)} -> ${say(answer.value)}${isFirst ? "" : " (again)"}${isUnheard ? " (unheard)" : ""}`,
          );
          await after(name);
          hintOf(name, args);
          if (isFirst && !isUnheard)
            timeline.at(timeline.now() + 1 + random.below(20), () => {
              if (!isOut()) process.deliver(() => settle(answer.end));
            });
        };
        if (isLost) trace(() => `${name} ${say(args)} is lost`);
        else timeline.at(there, () => execute(true));
        if (again !== undefined) timeline.at(again, () => execute(false));
      });
    const changed = (what: ChangeQuery): Promise<void> =>
      new Promise((resolve) => {
        if (what.signal?.aborted) return resolve();
        const wake = () => process.deliver(go);
        const waiter: Waiter = { what, wake };
        const go = () => {
          waiters.delete(waiter);
          drop();
          what.signal?.removeEventListener("abort", go);
          resolve();
        };
        const drop = timeline.at(timeline.now() + what.timeoutMs, wake);
        process.onKill(() => waiters.delete(waiter));
        waiters.add(waiter);
        what.signal?.addEventListener("abort", go, { once: true });
      });
    const methods = Object.keys(store).map((name) => [name, (...args: readonly unknown[]) => call(name, args)]);
    return { ...store, ...Object.fromEntries(methods), changed } as JobStore;
  };
  return {
    reach,
    setWeather: (next) => {
      weather = next;
    },
    outage: (ms) => {
      outUntil = Math.max(outUntil, timeline.now() + ms);
    },
  };
}

const say = (value: unknown): string =>
  value instanceof Error ? `${value.name}: ${value.message}` : (JSON.stringify(value) ?? "nothing").slice(0, 240);
