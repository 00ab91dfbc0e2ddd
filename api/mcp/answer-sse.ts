import type { Context } from "hono";
import { AppError } from "../../shared/error.ts";
import { encodeSse, sseKeepAlive } from "../../shared/sse.ts";
import { wrongMethod } from "../answer.ts";
import type { ApiEnv } from "../asked.ts";
import type { ApiDeps } from "../deps.ts";
import { linkSignals } from "../link-signals.ts";
import { askingMeanwhile } from "../routes/asking.ts";
import { readRelay, relayTtlMs } from "./relay-reader.ts";
import { newSession, relayOwner } from "./relay-session.ts";
import { type RelayTransport, relayTransport } from "./relay-transport.ts";
import { mcpServer } from "./server.ts";

/** The stream says that it lives at least this often. */
const keepAliveMs = 15_000;

/**
 * Opens a stream of HTTP+SSE (MCP 2024-11-05): its first event names the address for the client's messages, which any instance
 * takes; whatever they are answered comes over the stream. The instance that holds the stream does the work, with the rights of who
 * opened it. A session ends with its stream, and there is no way back to it.
 */
export async function answerSse(deps: ApiDeps, c: Context<ApiEnv>): Promise<Response> {
  // It has no body to be read, so the stream would wait in vain.
  if (c.req.raw.method !== "GET") {
    c.header("allow", "GET");
    throw wrongMethod(c.req.raw.method, c.req.path, ["GET"]);
  }
  if (Object.keys(c.req.query()).length > 0)
    throw new AppError("invalid_request", "A stream is opened without parameters: each is a new session.", {
      errors: Object.keys(c.req.query()).map((path) => ({ path, message: "unknown parameter" })),
      remedy: "Open it with GET /sse alone.",
    });
  const channel = newSession(deps.newId);
  const owner = await relayOwner(c.get("asked").caller);
  await deps.store.openRelay({ channel, owner, ttlMs: relayTtlMs });
  c.header("x-accel-buffering", "no");
  c.header("content-type", "text/event-stream; charset=utf-8");
  return c.body(streamOf(deps, { channel, asked: askingMeanwhile(c) }));
}

type Opened = Readonly<{ channel: string; asked: ReturnType<typeof askingMeanwhile> }>;

function streamOf(deps: ApiDeps, { channel, asked }: Opened): ReadableStream<Uint8Array> {
  const { store, log, clock } = deps;
  const encoder = new TextEncoder();
  const transport = relayTransport();
  const gone = new AbortController();
  const link = linkSignals(asked.signal, gone.signal);
  const { signal } = link;
  let [isWorking, isOver] = [false, false];
  const begin = async () => {
    isWorking = true;
    try {
      await mcpServer(deps, { ...asked, era: "legacy", signal }).connect(transport);
      await readRelay(deps, { channel, transport, signal });
    } catch (error) {
      log.warn("mcp stream broke off", { request_id: asked.requestId, error });
    } finally {
      end();
    }
  };
  const end = () => {
    isOver = true;
    gone.abort();
    link[Symbol.dispose]();
    void transport.close();
  };
  return new ReadableStream(
    {
      start: (controller) => {
        const endpoint = encodeSse({ event: "endpoint", data: `/messages?session_id=${channel}` });
        controller.enqueue(encoder.encode(`retry: 200\n\n${endpoint}`));
      },
      pull: async (controller) => {
        if (!isWorking) void begin();
        const text = await nextText(transport, clock, signal);
        if (text !== undefined) controller.enqueue(encoder.encode(encodeSse({ event: "message", data: text })));
        else if (isOver || signal.aborted) controller.close();
        else controller.enqueue(encoder.encode(sseKeepAlive));
      },
      cancel: async () => {
        end();
        await store.closeRelay(channel).catch(() => undefined); // else its time ends it
      },
    },
    { highWaterMark: 0 },
  );
}

/** Undefined where there was nothing to tell for a while. */
async function nextText(
  transport: RelayTransport,
  clock: ApiDeps["clock"],
  signal: AbortSignal,
): Promise<string | undefined> {
  const timer = new AbortController();
  using patience = linkSignals(signal, timer.signal);
  void clock.sleep(keepAliveMs, patience.signal).then(() => timer.abort());
  return await transport.next(patience.signal);
}
