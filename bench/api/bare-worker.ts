import { type Clock, sleepByTimer } from "../../shared/clock.ts";
import { silentLog } from "../../shared/log.ts";
import { Secret } from "../../shared/secret.ts";
import { redisOverHttp } from "../../shared/store/redis-over-http.ts";
import type { JobStore } from "../../shared/store.ts";
import { bareApp } from "./bare-app.ts";

type Bindings = Readonly<{ REDIS_URL: string; REDIS_TOKEN: string; REDIS_KEY_PREFIX: string }>;

const clock: Clock = { now: () => Date.now(), uptime: () => performance.now(), sleep: sleepByTimer };

/** The bare routes on workerd. A store for each request there too: nothing of one request may be used by another. */
function open({ REDIS_URL, REDIS_TOKEN, REDIS_KEY_PREFIX }: Bindings): JobStore {
  const config = {
    redisUrl: REDIS_URL,
    redisToken: new Secret(REDIS_TOKEN),
    redisKeyPrefix: REDIS_KEY_PREFIX,
    repoLimit: undefined,
    poolLimits: {},
  };
  const ask: typeof fetch = (...request) => fetch(...request);
  return redisOverHttp(config, {
    ...{ clock, log: silentLog, fetch: ask, random: () => Math.random() },
    newId: () => crypto.randomUUID(),
  })();
}

export default bareApp((env) => open(env as Bindings));
