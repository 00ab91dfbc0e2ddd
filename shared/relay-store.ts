/** A stream that one process holds, so that what others take for it reaches it. */
export type Relay = Readonly<{
  /** Nobody can guess it. */
  channel: string;
  /** Who alone may send. */
  owner: string;
  /** It is gone unless somebody takes from it or opens it within this. */
  ttlMs: number;
}>;

export type RelayMessage = Readonly<{
  channel: string;
  owner: string;
  /** Made by the sender: the same once more, as after a lost reply, is one message. */
  id: string;
  text: string;
}>;

/** Numbered from 1 in the order in which they were sent. */
export type RelayedMessage = Readonly<{ n: number; text: string }>;

/** What waits in one relay at most; and of how many messages the ids are known. */
export const relayBounds = { messages: 64, bytes: 4 * 1024 * 1024, ids: 128 } as const;

/** A closed relay is there for so long yet, for what was sent before. */
export const relayAfterMs = 10_000;

/** The part of the store that brings messages to whoever holds a stream, wherever they were taken. */
export interface RelayStore {
  /** Opening it again, while nothing was sent, changes nothing but its time. @throws AppError `conflict` for a channel that was used. */
  openRelay(relay: Relay): Promise<void>;
  /** `missing` also for another's, and for one that is closed or whose time is over; `full` where too much waits in it. */
  sendRelay(message: RelayMessage): Promise<"sent" | "full" | "missing">;
  /** The messages behind number `after`; those up to it are forgotten. Undefined where there is no such relay any more. */
  takeRelay(
    taken: Readonly<{ channel: string; after: number; ttlMs: number }>,
  ): Promise<readonly RelayedMessage[] | undefined>;
  /** Takes no more messages; those that it has can be taken for a while. */
  closeRelay(channel: string): Promise<void>;
}
