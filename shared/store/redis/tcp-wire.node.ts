import { isIP } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Command, Redis, type RedisOptions } from "ioredis";
import { backOff, type Clock } from "../../clock.ts";
import { AppError } from "../../error.ts";
import { type Log, silentLog } from "../../log.ts";
import type { Secret } from "../../secret.ts";
import { answeredError } from "./answered-error.ts";
import { certificateError } from "./certificate-error.ts";
import { Late, Passing, patience, type WireLimits, wireLimits } from "./patience.ts";
import { scriptRunner } from "./script-runner.ts";
import { tcpListener } from "./tcp-listener.node.ts";
import type { RedisWire, Reply, Word } from "./wire.ts";

export type TcpWireOptions = Readonly<{
  /** `redis://[user[:password]@]host[:port][/database]`, or `rediss://` for TLS. */
  url: string;
  /** The password, where the address has none. */
  token?: Secret;
  clock: Clock;
  random: () => number;
  log?: Log;
  limits?: Partial<WireLimits>;
  /** A subscriber that has heard nothing for this long asks whether anybody is there, in milliseconds. */
  silenceMs?: number;
}>;

/**
 * A wire to Redis 7 over TCP: one connection for commands, and one for what is listened to, opened when it is needed.
 * Opening connects to nothing. @throws AppError `invalid_request` for an address that is none.
 */
export function openTcpWire(options: TcpWireOptions): RedisWire {
  const { clock, random, log = silentLog } = options;
  const limits = { ...wireLimits, ...options.limits };
  const { place, connection } = connectionTo(options, limits);
  const tries = patience({ place, clock, random, log, limits });
  const pauses = reconnectPauses(random);
  const commands = new Redis({ ...connection, retryStrategy: pauses.next });
  const over = () => new AppError("store_unavailable", `The connection to ${place} was closed by this process.`);
  const corked = new WeakSet<Redis["stream"]>();
  let closed = false;
  let given = false;
  /** Settles when the connection stands, or will not. */
  let standing = aStanding();
  let trouble = "there is no connection yet";
  commands.on("ready", () => {
    trouble = "the connection was lost";
    standing.resolve();
  });
  commands.on("close", () => {
    standing.reject(new Passing(trouble));
    standing = aStanding();
  });
  commands.on("error", (error: Error) => {
    trouble = error.message;
    const refused = isAnswer(error)
      ? answeredError(trouble, { place, what: "the connection", args: [] })
      : certificateError(error, place);
    if (refused instanceof AppError) standing.reject(refused);
  });

  /** One try of one command on a connection that stands. */
  async function attempt(ms: number, [name, ...args]: readonly [string, ...Word[]]): Promise<Reply> {
    if (closed) throw over();
    const start = clock.uptime();
    if (commands.status !== "ready") await stand(ms);
    // In capitals ioredis gives every answer as Redis sent it: HGETALL as a list, as over HTTP.
    const command = new Command(name.toUpperCase(), [...args], { replyEncoding: "utf8" });
    command.setTimeout(Math.max(1, ms - (clock.uptime() - start)));
    const { stream } = commands;
    together(stream);
    try {
      const answer = commands.sendCommand(command) as Promise<Reply>;
      if (stream.writableLength >= enoughBytes) goes(stream);
      const reply = await answer;
      if (Array.isArray(reply) && reply.length >= manyAnswers) await inTurn();
      pauses.reset();
      return reply;
    } catch (error) {
      if (isAnswer(error)) throw error;
      const late = error instanceof Error && error.message === "Command timed out";
      // Half-open, or Redis is stuck: the answers that it owes us would come in front of all others.
      if (late) stream.destroy();
      throw late ? new Late(ms) : new Passing(trouble);
    }
  }

  /**
   * What is sent in one turn of the event loop, for all who ask in it, goes out in one write, unless it is so much that Redis
   * may begin with it: a write costs as much as what an answer takes besides, above all where Redis has to be woken by it.
   */
  function together(stream: Redis["stream"]): void {
    if (corked.has(stream)) return;
    corked.add(stream);
    stream.cork();
    setImmediate(goes, stream);
  }

  /**
   * Answers to many calls that come together are given one in each turn of the event loop, so that what follows from the
   * first is on its way to Redis while the second is read.
   */
  async function inTurn(): Promise<void> {
    while (given) await nextTurn();
    given = true;
    void nextTurn().then(() => {
      given = false;
    });
  }

  function goes(stream: Redis["stream"]): void {
    if (corked.delete(stream)) stream.uncork();
  }

  async function stand(ms: number): Promise<void> {
    if (commands.status === "wait") commands.connect().catch(() => undefined);
    const enough = new AbortController();
    const waited = clock.sleep(ms, enough.signal).then(() => "late" as const);
    const what = await Promise.race([standing.promise, waited]).finally(() => enough.abort());
    if (what !== "late") return;
    // A connection that was taken and then greeted nobody would be waited for without end.
    if (commands.status === "connect") commands.stream.destroy();
    throw new Passing(trouble);
  }

  const call = (what: string, command: readonly [string, ...Word[]]): Promise<Reply> =>
    tries.persist(what, (ms) =>
      attempt(ms, command).catch((error: unknown) => {
        throw isAnswer(error) ? answeredError(error.message, { place, what, args: command.slice(1) }) : error;
      }),
    );

  const listener = tcpListener({
    connect: () => {
      const { next, reset } = reconnectPauses(random);
      return { connection: new Redis({ ...connection, retryStrategy: next }), onHeard: reset };
    },
    clock,
    answerMs: limits.tryMs,
    // Each question is a command to pay for; a host that is gone is noticed by TCP's own keep-alive, below.
    silenceMs: options.silenceMs ?? 150_000,
  });
  return {
    send: (command) => call(command[0].toUpperCase(), command),
    run: scriptRunner(call),
    listen: listener.listen,
    [Symbol.asyncDispose]: async () => {
      closed = true;
      listener.close();
      standing.reject(over());
      commands.disconnect();
    },
  };
}

/** Redis works on what it has while the next is prepared. */
const enoughBytes = 2 * 1024;
const manyAnswers = 8;

/** An error that Redis has sent; all others are of the way to it. */
const isAnswer = (error: unknown): error is Error & { name: "ReplyError" } =>
  error instanceof Error && error.name === "ReplyError";

/**
 * Milliseconds until the next connection: doubling until Redis answers (something before it may take connections), and
 * spread from the first on, since all runners lose a restarted Redis at once.
 */
function reconnectPauses(random: () => number) {
  let failures = 0;
  return {
    next: () => 50 + random() * backOff(failures++, { baseMs: 200, capMs: 5_000 }),
    reset: () => {
      failures = 0;
    },
  };
}

/** Nobody may be waiting when it is rejected. */
function aStanding(): PromiseWithResolvers<void> {
  const standing = Promise.withResolvers<void>();
  standing.promise.catch(() => undefined);
  return standing;
}

/** What ioredis is told, so that no call outlives its deadline and nothing is sent twice behind our back. */
function connectionTo({ url, token }: TcpWireOptions, limits: WireLimits) {
  const address = URL.canParse(url) ? new URL(url) : undefined;
  if (address === undefined || !/^rediss?:$/.test(address.protocol) || address.hostname === "")
    throw new AppError("invalid_request", "REDIS_URL is no address of a Redis.", {
      remedy: "Write redis://host:6379, or rediss:// for TLS.",
    });
  const host = address.hostname.replace(/^\[|\]$/g, "");
  const port = Number(address.port || 6379);
  const password = decodeURIComponent(address.password) || token?.reveal();
  const connection = {
    host,
    port,
    db: Number(address.pathname.slice(1) || 0),
    ...(address.username === "" ? {} : { username: decodeURIComponent(address.username) }),
    ...(password === undefined ? {} : { password }),
    ...(address.protocol === "rediss:" ? { tls: isIP(host) ? {} : { servername: host } } : {}),
    // RESP2: answers then have the shapes that the HTTP protocol has.
    protocol: 2 as const,
    lazyConnect: true,
    connectTimeout: limits.tryMs,
    disconnectTimeout: 200,
    keepAlive: 30_000,
    // Our own tries know their deadline; those of ioredis would send what somebody has given up on.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    autoResubscribe: false,
    // LOADING is an answer like others, and INFO may be forbidden.
    enableReadyCheck: false,
    disableClientInfo: true,
  } satisfies RedisOptions;
  return { place: `Redis at ${address.host}`, connection };
}
