import {
  isJSONRPCNotification,
  isJSONRPCRequest,
  isJSONRPCResponse,
  type JSONRPCMessage,
  parseJSONRPCMessage,
  type Transport,
} from "@modelcontextprotocol/server";

/** What waits for the reader of a stream; `sent` tells whoever waits that it was read, or never will be. */
type Outgoing = Readonly<{ text: string; answers?: string | number; sent: () => void }>;

export type RelayTransport = Transport &
  Readonly<{
    /** Gives the server a message that a client has sent. */
    deliver(text: string): void;
    /** The next message for the client, when there is one; undefined by the signal, or at the end. */
    next(signal: AbortSignal): Promise<string | undefined>;
    /** Requests whose answers were not read yet. */
    pending(): number;
    /** Resolves when there are at most so many of them, or by the signal. */
    settled(most: number, signal: AbortSignal): Promise<void>;
  }>;

/**
 * A way to a server whose client takes one message after the other: whatever the server tells waits until it is read, so
 * that a slow client slows what is told, and not our memory. A request that its client has cancelled gets no answer.
 */
export function relayTransport(): RelayTransport {
  const outgoing: Outgoing[] = [];
  const pending = new Set<string | number>();
  const ears = new Set<() => void>();
  let isClosed = false;
  const tell = () => {
    for (const ear of [...ears]) ear();
  };
  const until = (met: () => boolean, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const look = () => {
        if (!met() && !signal.aborted && !isClosed) return;
        ears.delete(look);
        signal.removeEventListener("abort", look);
        resolve();
      };
      ears.add(look);
      signal.addEventListener("abort", look, { once: true });
      look();
    });
  const settle = (id: unknown) => {
    if (typeof id === "string" || typeof id === "number") pending.delete(id);
    tell();
  };

  const transport: RelayTransport = {
    start: async () => undefined,
    send: (message: JSONRPCMessage) =>
      new Promise((sent) => {
        if (isClosed) return sent();
        const answers = isJSONRPCResponse(message) ? { answers: message.id ?? "" } : {};
        outgoing.push({ text: JSON.stringify(message), ...answers, sent });
        tell();
      }),
    close: async () => {
      if (isClosed) return;
      isClosed = true;
      pending.clear();
      for (const { sent } of outgoing.splice(0)) sent();
      tell();
      transport.onclose?.();
    },
    deliver: (text) => {
      const message = parseJSONRPCMessage(JSON.parse(text));
      if (isJSONRPCRequest(message)) pending.add(message.id);
      if (isJSONRPCNotification(message) && message.method === "notifications/cancelled")
        settle(message.params?.["requestId"]);
      transport.onmessage?.(message);
    },
    next: async (signal) => {
      await until(() => outgoing.length > 0, signal);
      const { text, answers, sent } = outgoing.shift() ?? {};
      sent?.();
      if (answers !== undefined) settle(answers);
      return text;
    },
    pending: () => pending.size,
    settled: (most, signal) => until(() => pending.size <= most, signal),
  };
  return transport;
}
