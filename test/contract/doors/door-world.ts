import { randomUUID } from "node:crypto";
import { bundledProfiles } from "../../../api/edge/bundled-profiles.ts";
import { startApi } from "../../../api/server.node.ts";
import { openStore } from "../../../cli/open-store.ts";
import type { ApiKeyRecord } from "../../../shared/api-key.ts";
import { systemClock } from "../../../shared/clock.node.ts";
import { silentLog } from "../../../shared/log.ts";
import { openRedisStore } from "../../../shared/store/redis.ts";
import type { Claim, JobStore } from "../../../shared/store.ts";
import { startBridge } from "../../support/a-bridge.ts";
import { aClaim } from "../../support/a-job.ts";
import { type ARedis, startRedis } from "../../support/a-redis.ts";
import { aConfig } from "../../support/a-served-api.ts";
import { type Reply, reply } from "../../support/an-api.ts";
import { savedKey } from "../../support/an-api-key.ts";
import { anIssuer } from "../../support/an-issuer.ts";
import { tcpTo } from "../../support/redis-world.ts";

export type Door = AsyncDisposable & Readonly<{ url: string }>;
/** A door over what these variables name. */
export type OpenDoor = (env: Readonly<Record<string, string>>) => Promise<Door>;

/** A Redis behind our bridge, and who is beside a door: a runner and an issuer of tokens. */
export type DoorWorld = AsyncDisposable &
  Readonly<{
    redis: ARedis;
    env: Readonly<Record<string, string>>;
    /** As a runner has it, over TCP. */
    store: JobStore;
    issuer: Awaited<ReturnType<typeof anIssuer>>;
    /** The next job of this pool, leased. */
    claim: (pool: string) => Promise<Claim>;
  }>;

export const configuredKey = "a-key-of-the-configuration";
const resource = "https://agents.example/mcp";

export async function doorWorld(): Promise<DoorWorld> {
  await using made = new AsyncDisposableStack();
  const redis = made.use(await startRedis({ durable: true }));
  const bridge = made.use(await startBridge(redis.url));
  const issuer = made.use(await anIssuer(resource));
  const ports = { clock: systemClock, random: Math.random, newId: randomUUID };
  const store = made.use(openRedisStore({ wire: tcpTo(redis), prefix: "agenticore", ...ports }));
  const kept = made.move();
  return {
    ...{ redis, store, issuer },
    env: {
      REDIS_URL: bridge.url,
      REDIS_TOKEN: bridge.token,
      AGENTICORE_API_KEYS: configuredKey,
      AGENTICORE_OAUTH_ISSUERS: issuer.issuer,
      AGENTICORE_OAUTH_RESOURCE: resource,
    },
    claim: async (pool) => {
      const claim = await store.claim(aClaim({ pools: [pool] }));
      if (!claim) throw new Error(`nothing was there to claim in ${pool}`);
      return claim;
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

export const nodeDoor: OpenDoor = async (env) => {
  const config = aConfig({ ...env });
  const store = await openStore(config, { clock: systemClock, fetch });
  const door = { clock: systemClock, log: silentLog, version: "0.1.0", host: "127.0.0.1", port: 0 };
  const api = await startApi({ ...door, config, store, profiles: bundledProfiles });
  return {
    url: api.url,
    [Symbol.asyncDispose]: async () => {
      await api.close();
      await store[Symbol.asyncDispose]();
    },
  };
};

type Headers = Readonly<Record<string, string>>;
export type Caller = Readonly<{
  as: { authorization: string };
  get: (path: string, headers?: Headers) => Promise<Reply>;
  /** JSON, and given text as it is. */
  send: (method: string, path: string, ...rest: readonly [body?: unknown, headers?: Headers]) => Promise<Reply>;
  /** A pool of the caller's own, so that no other test's runner takes the job. */
  pool: string;
  submit: (request?: Record<string, unknown>) => Promise<string>;
}>;

/** Somebody with a key of their own in the store: a tenant whom no other test has. */
export async function aCaller(url: string, { store }: DoorWorld, facts: Partial<ApiKeyRecord> = {}): Promise<Caller> {
  const { as, id } = await savedKey(store, facts);
  const pool = `p-${id}`;
  const send: Caller["send"] = async (method, path, ...[body, headers = {}]) =>
    reply(
      await fetch(`${url}${path}`, {
        method,
        headers: { ...as, ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
        ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      }),
    );
  return {
    ...{ as, pool, send },
    get: (path, headers) => send("GET", path, undefined, headers),
    submit: async (request = {}) => {
      const { status, body, text } = await send("POST", "/jobs", { task: "Add a test", pool, ...request });
      if (status !== 202) throw new Error(`submit answered ${status}: ${text}`);
      return (body["job"] as { id: string }).id;
    },
  };
}
