import type { Clock } from "../../shared/clock.ts";
import { encodeSse, sseKeepAlive } from "../../shared/sse.ts";
import type { Kind, Subscriptions } from "./subscriptions.ts";

type Options = Readonly<{
  subscriptions: Subscriptions;
  kind: Kind;
  /** A channel, or a pattern of channels. */
  name: string;
  keepAliveMs: number;
  clock: Clock;
  /** Ends the stream. */
  gone: AbortSignal;
  /** The stream is over or did not come to be; once. */
  onEnd(): void;
}>;

/** What a reader may be behind before it is left: it connects again and looks for itself. */
const maxBehindBytes = 1024 * 1024;
const headers = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  // nginx would hold the events back (nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering).
  "x-accel-buffering": "no",
};

/**
 * Messages as events, in Upstash's lines: `subscribe,ch,1` once Redis has acknowledged, then `message,ch,payload` or
 * `pmessage,pattern,ch,payload`. It ends when Redis is lost, so that nobody listens to silence.
 * @throws Refusal where Redis does not acknowledge.
 */
export async function openStream(options: Options): Promise<Response> {
  const { subscriptions, kind, name, keepAliveMs, clock, gone, onEnd } = options;
  const ended = new AbortController();
  const end = () => ended.abort();
  ended.signal.addEventListener("abort", onEnd, { once: true });
  gone.addEventListener("abort", end, { signal: ended.signal });
  // Until Redis has acknowledged: a message may be right behind that.
  const early: string[] = [];
  let write: (text: string) => unknown = (text) => early.push(text);
  const say = (...words: readonly (string | number)[]) => write(encodeSse({ data: words.join(",") }));
  const listener = {
    onMessage: (channel: string, payload: string) =>
      kind === "subscribe" ? say("message", channel, payload) : say("pmessage", name, channel, payload),
    onLost: end,
  };
  const remove = await subscriptions.add(kind, name, listener).catch((error: unknown) => {
    end();
    throw error;
  });
  ended.signal.addEventListener("abort", remove, { once: true });
  const start = (controller: ReadableStreamDefaultController<Uint8Array>) => {
    write = (text) => {
      if (ended.signal.aborted) return;
      controller.enqueue(Buffer.from(text));
      if ((controller.desiredSize ?? 0) < 0) end();
    };
    ended.signal.addEventListener("abort", () => quietly(() => controller.close()), { once: true });
    say(kind, name, 1);
    early.forEach(write);
  };
  const body = new ReadableStream(
    { start, cancel: end },
    new ByteLengthQueuingStrategy({ highWaterMark: maxBehindBytes }),
  );
  if (gone.aborted) end();
  void keepAlive();
  return new Response(body, { headers });

  async function keepAlive(): Promise<void> {
    while (!ended.signal.aborted) {
      await clock.sleep(keepAliveMs, ended.signal);
      write(sseKeepAlive);
    }
  }
}

/** A stream whose reader has gone is closed already. */
function quietly(act: () => void): void {
  try {
    act();
  } catch {}
}
