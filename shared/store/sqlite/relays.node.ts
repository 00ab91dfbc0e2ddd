import { AppError } from "../../error.ts";
import {
  type Relay,
  type RelayedMessage,
  type RelayMessage,
  type RelayStore,
  relayAfterMs,
  relayBounds,
} from "../../relay-store.ts";
import type { Context } from "./context.node.ts";

type Row = Readonly<{ owner: string; until: number; closed: number; last: number }>;
type Taken = Parameters<RelayStore["takeRelay"]>[0];

/** Messages on their way to a stream; runs inside a transaction. A message that was taken stays as its id, for a while. */
export function openRelays({ db, time }: Pick<Context, "db" | "time">) {
  const find = db.prepare<Row>("SELECT owner, until, closed, last FROM relays WHERE channel = :channel");
  const add = db.prepare(
    `INSERT INTO relays (channel, owner, until) VALUES (:channel, :owner, :until)
     ON CONFLICT (channel) DO UPDATE SET until = :until WHERE owner = :owner AND last = 0 AND closed = 0`,
  );
  const extend = db.prepare("UPDATE relays SET until = :until WHERE channel = :channel");
  const shut = db.prepare("UPDATE relays SET closed = 1, until = :until WHERE channel = :channel AND closed = 0");
  const isSent = db.prepare("SELECT 1 FROM relayed WHERE channel = :channel AND id = :id");
  const waiting = db.prepare<{ messages: number; bytes: number }>(
    "SELECT count(text) AS messages, coalesce(sum(bytes), 0) AS bytes FROM relayed WHERE channel = :channel",
  );
  const put = db.prepare("INSERT INTO relayed VALUES (:channel, :n, :id, :text, :bytes)");
  const count = db.prepare("UPDATE relays SET last = :n WHERE channel = :channel");
  const told = db.prepare("UPDATE relayed SET text = NULL, bytes = 0 WHERE channel = :channel AND n <= :after");
  const forget = db.prepare("DELETE FROM relayed WHERE channel = :channel AND n <= :old AND text IS NULL");
  const behind = db.prepare<RelayedMessage>(
    "SELECT n, text FROM relayed WHERE channel = :channel AND n > :after AND text IS NOT NULL ORDER BY n",
  );
  const live = (channel: string): Row | undefined => {
    const row = find.find({ channel });
    return row && row.until > time.tick() ? row : undefined;
  };

  return {
    open: ({ channel, owner, ttlMs }: Relay): void => {
      if (add.run({ channel, owner, until: time.tick() + ttlMs }) === 0)
        throw new AppError("conflict", "This channel was used before.");
    },
    send: ({ channel, owner, id, text }: RelayMessage): "sent" | "full" | "missing" => {
      const row = live(channel);
      if (row?.owner !== owner) return "missing";
      if (isSent.find({ channel, id })) return "sent";
      if (row.closed) return "missing";
      const bytes = Buffer.byteLength(text);
      const { messages = 0, bytes: size = 0 } = waiting.find({ channel }) ?? {};
      if (messages >= relayBounds.messages || size + bytes > relayBounds.bytes) return "full";
      const n = row.last + 1;
      put.run({ channel, n, id, text, bytes });
      count.run({ channel, n });
      return "sent";
    },
    take: ({ channel, after, ttlMs }: Taken): readonly RelayedMessage[] | undefined => {
      const row = live(channel);
      if (!row) return undefined;
      told.run({ channel, after });
      forget.run({ channel, old: row.last - relayBounds.ids });
      if (!row.closed) extend.run({ channel, until: time.tick() + ttlMs });
      return behind.all({ channel, after }).map(({ n, text }) => ({ n, text }));
    },
    close: (channel: string): void => {
      shut.run({ channel, until: time.tick() + relayAfterMs });
    },
  };
}
