import { AppError } from "../../error.ts";
import type { RelayStore } from "../../relay-store.ts";
import { asList, type Context } from "./context.ts";
import { closeRelay, openRelay, sendRelay, takeRelay } from "./lua/relays.ts";

/** Messages on their way to a stream. */
export function openRelays({ run }: Pick<Context, "run">): RelayStore {
  return {
    openRelay: async ({ channel, owner, ttlMs }) => {
      const [word] = await run(openRelay, [channel, owner, ttlMs]);
      if (word === "used") throw new AppError("conflict", "This channel was used before.");
    },
    sendRelay: async ({ channel, owner, id, text }) => {
      const [word] = await run(sendRelay, [channel, owner, id, text]);
      return word === "sent" || word === "full" ? word : "missing";
    },
    takeRelay: async ({ channel, after, ttlMs }) => {
      const [word, all] = await run(takeRelay, [channel, after, ttlMs]);
      if (word !== "messages") return undefined;
      const rows = asList(all);
      return rows.flatMap((n, at) => (at % 2 === 0 ? [{ n: Number(n), text: String(rows[at + 1]) }] : []));
    },
    closeRelay: async (channel) => {
      await run(closeRelay, [channel]);
    },
  };
}
