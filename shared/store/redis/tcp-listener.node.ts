import type { Redis } from "ioredis";
import type { Clock } from "../../clock.ts";
import type { Listening } from "./wire.ts";

type Options = Readonly<{
  /** A connection that is not opened yet and reconnects by itself, without subscribing again; it is told when Redis answers. */
  connect: () => Readonly<{ connection: Redis; onHeard: () => void }>;
  clock: Clock;
  answerMs: number;
  silenceMs: number;
}>;

/** All that one wire listens to, over one connection that is opened for the first of them. */
export function tcpListener({ connect, clock, answerMs, silenceMs }: Options) {
  const heard = new Set<Ear>();
  const closing = new AbortController();
  let connection: Redis | undefined;
  let onHeard: () => void = () => undefined;
  let lastHeard = clock.uptime();

  const stillWanted = (kind: "channels" | "patterns", name: string) =>
    [...heard].some(({ what }) => what[kind]?.includes(name));

  /** Asks for what these want; whom Redis has acknowledged everything is up. */
  async function subscribe(ears: readonly Ear[]): Promise<void> {
    const from = connection;
    if (from?.status !== "ready") return;
    const { stream } = from;
    const answered = expectAnswer(stream);
    const channels = ears.flatMap(({ what }) => what.channels ?? []);
    const patterns = ears.flatMap(({ what }) => what.patterns ?? []);
    try {
      if (channels.length > 0) await from.subscribe(...channels);
      if (patterns.length > 0) await from.psubscribe(...patterns);
    } catch {
      // The connection is lost, or Redis refuses (ACL, LOADING): begin again, after the pause of a reconnect.
      stream.destroy();
      return;
    } finally {
      answered();
    }
    lastHeard = clock.uptime();
    onHeard();
    if (from.stream === stream) for (const ear of ears) ear.up();
  }

  /** Ends a connection on which nothing comes for too long, unless the returned function is called before. */
  function expectAnswer(stream: Redis["stream"]): () => void {
    const answered = new AbortController();
    void clock.sleep(answerMs, answered.signal).then(() => answered.signal.aborted || stream.destroy());
    return () => answered.abort("over");
  }

  function open(): Redis {
    const { connection: opened, ...made } = connect();
    onHeard = made.onHeard;
    opened.on("connect", () => {
      // A password is sent before it is ready, and perhaps never answered.
      const greeted = expectAnswer(opened.stream);
      opened.once("ready", greeted).once("close", greeted);
    });
    opened.on("ready", () => void subscribe([...heard]));
    opened.on("close", () => {
      for (const ear of heard) ear.down();
    });
    // Its reasons are those of the commands' connection, which tells of them.
    opened.on("error", () => undefined);
    opened.on("message", (channel: string, payload: string) => {
      lastHeard = clock.uptime();
      for (const { what } of heard) if (what.channels?.includes(channel)) what.onMessage(channel, payload);
    });
    opened.on("pmessage", (pattern: string, channel: string, payload: string) => {
      lastHeard = clock.uptime();
      for (const { what } of heard) if (what.patterns?.includes(pattern)) what.onMessage(channel, payload);
    });
    opened.connect().catch(() => undefined);
    void watch(opened);
    return opened;
  }

  /** A connection whose other end is gone says nothing, like one on which nothing happens: after a silence it is asked. */
  async function watch(watched: Redis): Promise<void> {
    for (;;) {
      await clock.sleep(Math.max(0, lastHeard + silenceMs - clock.uptime()), closing.signal);
      if (closing.signal.aborted) return;
      if (clock.uptime() - lastHeard < silenceMs) continue;
      lastHeard = clock.uptime();
      if (watched.status !== "ready" || heard.size === 0) continue;
      const answered = expectAnswer(watched.stream);
      await watched.ping().catch(() => undefined);
      answered();
    }
  }

  return {
    listen(what: Listening, signal: AbortSignal): void {
      if (signal.aborted || closing.signal.aborted) return;
      const ear = anEar(what);
      heard.add(ear);
      signal.addEventListener(
        "abort",
        () => {
          heard.delete(ear);
          ear.away();
          if (connection?.status !== "ready") return;
          const channels = (what.channels ?? []).filter((name) => !stillWanted("channels", name));
          const patterns = (what.patterns ?? []).filter((name) => !stillWanted("patterns", name));
          if (channels.length > 0) connection.unsubscribe(...channels).catch(() => undefined);
          if (patterns.length > 0) connection.punsubscribe(...patterns).catch(() => undefined);
        },
        { once: true },
      );
      if (connection === undefined) connection = open();
      else void subscribe([ear]);
    },
    close(): void {
      closing.abort();
      for (const ear of heard) ear.away();
      heard.clear();
      connection?.disconnect();
    },
  };
}

type Ear = ReturnType<typeof anEar>;

/** One listening, told of each change once. */
function anEar(what: Listening) {
  let state: "down" | "up" | "away" = "down";
  return {
    what,
    up() {
      if (state !== "down") return;
      state = "up";
      what.onUp();
    },
    down() {
      if (state !== "up") return;
      state = "down";
      what.onDown();
    },
    away() {
      state = "away";
    },
  };
}
