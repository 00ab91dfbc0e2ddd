import type { Clock } from "../clock.ts";
import { AppError } from "../error.ts";
import { type Log, silentLog } from "../log.ts";
import { type RunnerCall, runnerCalls, withheld } from "../runner-door/calls.ts";
import type { Secret } from "../secret.ts";
import type { Claim, ClaimRequest, JobStore } from "../store.ts";
import { Passing, patience, type WireLimits } from "./redis/patience.ts";
import { within } from "./redis/rest-client.ts";
import { exchanger, reasonOf } from "./remote/exchange.ts";
import { openWaits } from "./remote/waits.ts";

export type RemoteStoreOptions = Readonly<{
  /** Of the API, as `https://host[/path]`. */
  url: string;
  /** With the scope `runner`; absent where the API asks nobody. */
  key?: Secret | undefined;
  clock: Clock;
  random: () => number;
  fetch: typeof fetch;
  log?: Log;
  limits?: Partial<WireLimits>;
  /** Told when the API refuses this runner for good: its key, its pools, its version. */
  onRefused?: (error: AppError) => void;
}>;

/** An API gives its own store up to 10 s. */
const limits: WireLimits = { tryMs: 12_000, callMs: 15_000, downMs: 1_000, probeMs: 15_000 };

/**
 * The store as a runner has it through the API (`AGENTICORE_URL`), with a key of the scope `runner` instead of the
 * database's secret. What no runner needs throws AppError `forbidden`. Calls are sent again while a reply may be lost, as the
 * port allows; needs nothing but `fetch`. @throws AppError `invalid_request` for an address that is none.
 */
export function openRemoteStore(options: RemoteStoreOptions): JobStore {
  const { clock, random, log = silentLog, key, fetch, onRefused = () => undefined } = options;
  const { base, place } = addressOf(options.url);
  const exchange = exchanger({ base, place, key, clock, fetch, onRefused });
  const tries = patience({ place, clock, random, log, limits: { ...limits, ...options.limits } });
  const waits = openWaits({ exchange, clock, random });
  let closed = false;

  async function answered(method: RunnerCall, args: readonly unknown[], signal: AbortSignal): Promise<unknown> {
    const response = await exchange(method, args, signal);
    const body: unknown = await response.json().catch((error: unknown) => {
      throw new Passing(reasonOf(error));
    });
    const result = typeof body === "object" && body !== null && "result" in body ? body.result : undefined;
    const parsed = runnerCalls[method].result.safeParse(result);
    if (parsed.success) return parsed.data;
    throw new AppError("store_unavailable", `${place} answers ${method} with what this runner does not understand.`, {
      cause: parsed.error,
      remedy: "Check AGENTICORE_URL, and use one version of Agenticore on both sides.",
    });
  }
  const ask = (method: RunnerCall, args: readonly unknown[]): Promise<unknown> =>
    tries.persist(method, (ms) => {
      if (closed) throw new AppError("store_unavailable", `The connection to ${place} was closed by this process.`);
      return within(ms, clock, (signal) => answered(method, args, signal));
    });
  const calls = made(runnerCalls, (method) => async (...given: readonly unknown[]) => {
    await waits.begun();
    return await ask(method, given.at(-1) === undefined ? given.slice(0, -1) : given);
  }) as Pick<JobStore, RunnerCall>;
  const others = made(withheld, (method) => async () => {
    throw new AppError("forbidden", `A runner that works through the API has no ${method}: ${withheld[method]}.`);
  }) as Pick<JobStore, keyof typeof withheld>;

  /**
   * What is submitted after the claim has seen the queue must not be missed by the wait that follows: where that had not
   * begun before the claim, and there was nothing, the queue is seen again once it has.
   */
  async function claim(request: ClaimRequest): Promise<Claim | undefined> {
    const isAttended = request.pools.length === 0 || waits.attend(request.pools);
    const first = (await ask("claim", [request])) as Claim | undefined;
    const claimed = first || isAttended ? first : await calls.claim(request);
    if (claimed) waits.found();
    return claimed;
  }
  return {
    ...calls,
    ...others,
    claim,
    changed: waits.wait,
    [Symbol.asyncDispose]: async () => {
      closed = true;
      waits.close();
    },
  };
}

const made = <K extends string, F>(table: Readonly<Record<K, unknown>>, make: (name: K) => F): Record<K, F> =>
  Object.fromEntries((Object.keys(table) as K[]).map((name) => [name, make(name)])) as Record<K, F>;

function addressOf(url: string): { base: string; place: string } {
  const address = URL.canParse(url) ? new URL(url) : undefined;
  if (!address || !/^https?:$/.test(address.protocol) || address.username !== "" || address.password !== "")
    throw new AppError("invalid_request", "AGENTICORE_URL is no address of an API.", {
      remedy: "Write https://host, without a name or a password: the key goes into AGENTICORE_API_KEY.",
    });
  return { base: `${address.origin}${address.pathname}`.replace(/\/+$/, ""), place: `The API at ${address.host}` };
}
