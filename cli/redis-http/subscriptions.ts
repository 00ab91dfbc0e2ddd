import type { Redis } from "ioredis";
import type { Connection } from "./connection.ts";
import { Refusal, unavailable } from "./refusal.ts";

export type Kind = "subscribe" | "psubscribe";
export type Listener = Readonly<{
  onMessage(channel: string, payload: string): void;
  /** The connection to Redis was lost: nothing more will come. */
  onLost(): void;
}>;
/** The subscriptions of many on one connection; each channel is asked of Redis once. */
export type Subscriptions = Readonly<{
  /** Resolves once Redis has acknowledged. @returns what ends it. @throws Refusal */
  add(kind: Kind, name: string, listener: Listener): Promise<() => void>;
}>;

type Entry = { readonly listeners: Set<Listener>; readonly acknowledged: Promise<unknown> };

export function openSubscriptions(connection: Connection): Subscriptions {
  const entries = new Map<string, Entry>();
  const wired = new WeakSet<Redis>();
  connection.onLost(() => {
    const orphans = [...entries.values()].flatMap((entry) => [...entry.listeners]);
    entries.clear();
    for (const listener of orphans) listener.onLost();
  });
  const tell = (key: string, channel: Buffer, payload: Buffer) => {
    for (const listener of entries.get(key)?.listeners ?? [])
      listener.onMessage(channel.toString(), payload.toString());
  };
  const wire = (redis: Redis) => {
    if (wired.has(redis)) return;
    wired.add(redis);
    redis.on("messageBuffer", (channel: Buffer, payload: Buffer) => tell(`subscribe ${channel}`, channel, payload));
    redis.on("pmessageBuffer", (pattern: Buffer, channel: Buffer, payload: Buffer) =>
      tell(`psubscribe ${pattern}`, channel, payload),
    );
  };
  return {
    add: async (kind, name, listener) => {
      const redis = await connection.ready();
      wire(redis);
      const key = `${kind} ${name}`;
      const entry = entries.get(key) ?? { listeners: new Set(), acknowledged: redis[kind](name) };
      entries.set(key, entry);
      entry.listeners.add(listener);
      const remove = () => {
        if (!entry.listeners.delete(listener) || entry.listeners.size > 0 || entries.get(key) !== entry) return;
        entries.delete(key);
        // A failure means that the connection is gone, and the subscription with it.
        redis[kind === "subscribe" ? "unsubscribe" : "punsubscribe"](name).catch(() => undefined);
      };
      try {
        await entry.acknowledged;
      } catch (error) {
        remove();
        throw error instanceof Error && error.name === "ReplyError"
          ? new Refusal(400, error.message)
          : unavailable("Redis did not answer");
      }
      return remove;
    },
  };
}
