import { Command, Redis } from "ioredis";
import type { Clock } from "../../shared/clock.ts";
import type { Log } from "../../shared/log.ts";
import type { Secret } from "../../shared/secret.ts";
import { isError, type RedisCommand, type RedisReply } from "./redis-reply.ts";
import { unavailable } from "./refusal.ts";

/** Where Redis is, and as whom the bridge itself goes there. */
export type RedisPlace = Readonly<{
  /** `redis://[user[:password]@]host[:port][/database]`, or `rediss://` for TLS. */
  url: string;
  /** The password, where the address has none. */
  token?: Secret;
}>;
export type ConnectionOptions = Readonly<{
  redis: RedisPlace;
  /** What is said first on each new connection, as who it goes on; one error among the answers, and it is not used. */
  greeting: readonly RedisCommand[];
  /** No answer for so long: the connection is dropped, and what waited on it fails. */
  timeoutMs: number;
  clock: Clock;
  random: () => number;
  log: Log;
}>;

/** One connection, made anew by itself after each loss. */
export type Connection = Disposable &
  Readonly<{
    /** Connected and greeted. @throws Refusal 503 where that takes too long, or the greeting was refused. */
    ready(): Promise<Redis>;
    /** Calls back whenever a connection is lost. */
    onLost(act: () => void): void;
  }>;

/** How long a request waits for a connection that is being made. */
const patienceMs = 1_000;
/** A refused greeting is tried again by the first request after so long: rights may have been given meanwhile. */
const refusedMs = 5_000;

/** Connects when it is first asked for. */
export function openConnection(options: ConnectionOptions): Connection {
  const { redis: place, greeting, timeoutMs, clock, random, log } = options;
  const redis = new Redis(place.url, {
    ...(place.token && !new URL(place.url).password ? { password: place.token.reveal() } : {}),
    protocol: 2,
    stringNumbers: true,
    lazyConnect: true,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    // What was on its way when a connection was lost may have taken effect: who asked decides, not this client.
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    disableClientInfo: true,
    retryStrategy: (tries) => Math.min(2_000, 50 * 2 ** Math.min(tries, 6)) * (0.5 + random() / 2),
  });
  let greeted = Promise.withResolvers<void>();
  let isGreeted = false;
  let refused: Readonly<{ why: string; at: number }> | undefined;
  let isLost = false;
  const lost: (() => void)[] = [];
  redis.on("ready", () => {
    Promise.all(greeting.map((command) => send(redis, command))).then(
      (answers) => {
        const why = answers.find(isError)?.message;
        if (why) log.error("Redis does not let the bridge work this way", { reason: why });
        else if (isLost) log.info("Redis is back");
        refused = why ? { why, at: clock.uptime() } : undefined;
        isGreeted = !why;
        isLost = false;
        greeted.resolve();
      },
      () => undefined, // it was lost in between: the next one is greeted anew
    );
  });
  redis.on("close", () => {
    if (isGreeted) greeted = Promise.withResolvers();
    isGreeted = false;
    refused = undefined;
    for (const act of lost) act();
  });
  redis.on("error", (error: Error) => {
    if (!isLost) log.warn("Redis cannot be reached", { reason: error.message });
    isLost = true;
  });
  const patiently = async (done: Promise<void>) => {
    const enough = new AbortController();
    await Promise.race([done, clock.sleep(patienceMs, enough.signal)]);
    enough.abort();
  };
  return {
    ready: async () => {
      if (redis.status === "wait") redis.connect().catch(() => undefined);
      if (refused && clock.uptime() - refused.at > refusedMs) redis.disconnect(true);
      if (!isGreeted && !refused) await patiently(greeted.promise);
      if (refused) throw unavailable(`Redis does not let the bridge work this way: ${refused.why}`);
      if (!isGreeted) throw unavailable("Redis cannot be reached");
      return redis;
    },
    onLost: (act) => void lost.push(act),
    [Symbol.dispose]: () => redis.disconnect(),
  };
}

/**
 * Sends at once, so that what is sent in one go stands together on the connection. An error that Redis answers is an
 * answer; the name must be in upper case: for others the client has shapes of its own.
 * @throws Refusal 503 where none came.
 */
export async function send(redis: Redis, [name, ...args]: RedisCommand): Promise<RedisReply> {
  try {
    return (await redis.sendCommand(new Command(name, args, { replyEncoding: null }))) as RedisReply;
  } catch (error) {
    if (error instanceof Error && error.name === "ReplyError") return error;
    throw unavailable("Redis did not answer: whether the command took effect is not known");
  }
}
