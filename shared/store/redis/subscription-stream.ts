import type { Clock } from "../../clock.ts";
import type { Secret } from "../../secret.ts";
import { after } from "./rest-client.ts";

export type Subscription = Readonly<{ kind: "subscribe" | "psubscribe"; name: string }>;

type Options = Readonly<{
  base: string;
  token: Secret;
  clock: Clock;
  fetch: typeof fetch;
  subscription: Subscription;
  ear: Readonly<{
    /** Anything came, a keep-alive too. */
    onBytes(): void;
    onAcknowledged(): void;
    onMessage(channel: string, payload: string): void;
  }>;
}>;

/** Longer than any message of ours by far. */
const maxLine = 1024 * 1024;

/**
 * One channel or pattern over Upstash's event stream: `data: subscribe,ch,1`, then `data: message,ch,payload`, or
 * `data: pmessage,pattern,ch,payload`. Each line counts by itself, as in Upstash's own client. Never rejects.
 * @returns when the stream is over, however that came; `unsupported` where the server has none.
 */
export async function readSubscription(
  { base, token, clock, fetch, subscription, ear }: Options,
  signal: AbortSignal,
): Promise<Readonly<{ why: "lost" | "unsupported"; afterMs?: number }>> {
  const { kind, name } = subscription;
  const message = kind === "subscribe" ? `message,${name},` : `pmessage,${name},`;
  try {
    const response = await fetch(`${base}/${kind}/${encodeURIComponent(name).replaceAll("%3A", ":")}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${token.reveal()}`,
        accept: "text/event-stream",
        "content-type": "application/json",
        "cache-control": "no-cache",
      },
      body: "[]",
      redirect: "manual",
      signal,
    });
    const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
    if (!response.ok || !isStream || response.body === null) {
      await response.body?.cancel();
      const without = response.ok || [404, 405, 501].includes(response.status);
      return { why: without ? "unsupported" : "lost", ...after(response.headers.get("retry-after"), clock) };
    }
    for await (const line of linesOf(response.body, ear.onBytes)) {
      if (!line.startsWith("data: ")) continue;
      const data = line.slice("data: ".length);
      if (data.startsWith(`${kind},${name},`)) ear.onAcknowledged();
      else if (data.startsWith(message)) tell(data.slice(message.length));
    }
  } catch {
    // Why does not matter: it is tried again, and the state is read meanwhile.
  }
  return { why: "lost" };

  function tell(rest: string): void {
    const comma = rest.indexOf(",");
    if (kind === "subscribe") ear.onMessage(name, rest);
    else if (comma >= 0) ear.onMessage(rest.slice(0, comma), rest.slice(comma + 1));
  }
}

async function* linesOf(body: ReadableStream<Uint8Array>, onBytes: () => void): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    while (rest.length < maxLine) {
      const { value, done } = await reader.read();
      if (done) return;
      onBytes();
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) yield line.endsWith("\r") ? line.slice(0, -1) : line;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
