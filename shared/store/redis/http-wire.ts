import type { Clock } from "../../clock.ts";
import { AppError } from "../../error.ts";
import { type Log, silentLog } from "../../log.ts";
import type { Secret } from "../../secret.ts";
import { httpListener, type Rhythm, rhythm } from "./http-listener.ts";
import { patience, type WireLimits, wireLimits } from "./patience.ts";
import { restClient } from "./rest-client.ts";
import { scriptRunner } from "./script-runner.ts";
import type { RedisWire, Word } from "./wire.ts";

export type HttpWireOptions = Readonly<{
  /** `https://host[/path]`: Upstash's REST address, or that of a bridge. */
  url: string;
  token: Secret;
  clock: Clock;
  random: () => number;
  fetch: typeof fetch;
  log?: Log;
  limits?: Partial<WireLimits>;
  rhythm?: Partial<Rhythm>;
}>;

/**
 * A wire to Redis 7 over HTTP with Upstash's REST protocol: one request for each command, one event stream for each
 * channel. Needs nothing but `fetch` and Web Crypto. @throws AppError `invalid_request` for an address that is none.
 */
export function openHttpWire(options: HttpWireOptions): RedisWire {
  const { clock, random, fetch, token, log = silentLog } = options;
  const { base, place } = addressOf(options.url);
  const tries = patience({ place, clock, random, log, limits: { ...wireLimits, ...options.limits } });
  const ask = restClient({ base, place, token, clock, fetch });
  let closed = false;
  const call = (what: string, command: readonly [string, ...Word[]]) =>
    tries.persist(what, (ms) => {
      if (closed) throw new AppError("store_unavailable", `The connection to ${place} was closed by this process.`);
      return ask({ what, command }, ms);
    });
  const listener = httpListener({ base, token, clock, random, fetch, rhythm: { ...rhythm, ...options.rhythm } });
  return {
    send: (command) => call(command[0].toUpperCase(), command),
    run: scriptRunner(call),
    listen: listener.listen,
    [Symbol.asyncDispose]: async () => {
      closed = true;
      listener.close();
    },
  };
}

function addressOf(url: string): { base: string; place: string } {
  const address = URL.canParse(url) ? new URL(url) : undefined;
  if (
    address === undefined ||
    !/^https?:$/.test(address.protocol) ||
    address.username !== "" ||
    address.password !== ""
  )
    throw new AppError("invalid_request", "REDIS_URL is no address of a Redis over HTTP.", {
      remedy: "Write https://host, without a name or a password: the token goes into REDIS_TOKEN.",
    });
  return { base: `${address.origin}${address.pathname}`.replace(/\/+$/, ""), place: `Redis at ${address.host}` };
}
