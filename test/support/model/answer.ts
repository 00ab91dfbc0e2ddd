import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Gates } from "./gates.ts";
import type { Cut, Failure, Message, Reply, Stall } from "./reply.ts";
import type { Usage } from "./turn.ts";
import { event, type Wire, wireOf } from "./wire.ts";

/** How to write the reply: `gone` aborts when the client has left. */
export type Way = Readonly<{ model: string; stream: boolean; usage: Usage; gates: Gates; gone: AbortSignal }>;

/** Writes the reply to its end, or until the client has gone. */
export function answer(out: ServerResponse, reply: Reply, way: Way): Promise<void> {
  switch (reply.kind) {
    case "message":
      return way.stream ? streamed(out, reply, way) : whole(out, reply, way);
    case "failure":
      return failed(out, reply);
    case "cut":
      return cut(out, reply, way);
    case "stall":
      return stalled(out, reply, way);
    default:
      return reply satisfies never;
  }
}

async function whole(out: ServerResponse, reply: Message, { model, usage }: Way): Promise<void> {
  out.writeHead(200, { "content-type": "application/json" });
  out.end(JSON.stringify(wireOf(reply, model, usage).whole()));
}

async function streamed(out: ServerResponse, reply: Message, way: Way): Promise<void> {
  const wire = wireOf(reply, way.model, way.usage);
  const pace = reply.pace ?? { bytes: 16_384, everyMs: 0 };
  open(out, wire);
  for (const part of wire.content(pace.bytes)) {
    if (way.gone.aborted) return;
    if (!out.write(part)) await drained(out, way.gone);
    if (pace.everyMs > 0) await sleep(pace.everyMs, undefined, { signal: way.gone }).catch(() => undefined);
  }
  out.end(wire.closing());
}

async function failed(out: ServerResponse, { status, type, message, headers }: Failure): Promise<void> {
  out.writeHead(status, { "content-type": "application/json", ...headers });
  out.end(JSON.stringify({ type: "error", error: { type, message } }));
}

async function cut(out: ServerResponse, reply: Cut, way: Way): Promise<void> {
  open(out, ...begun(reply.say, way));
  if (reply.how === "end") out.end();
  else if (reply.how === "event") {
    out.end(event("error", { error: { type: "overloaded_error", message: "Overloaded" } }));
  } else out.write(": the connection ends here\n\n", () => out.socket?.resetAndDestroy());
}

async function stalled(out: ServerResponse, reply: Stall, way: Way): Promise<void> {
  const wire = wireOf({ kind: "message", say: reply.say }, way.model, way.usage);
  open(out, ...begun(reply.say, way));
  await way.gates.passed(reply.until, way.gone);
  if (!way.gone.aborted) out.end(event("content_block_stop", { index: 0 }) + wire.closing());
}

/** A message's opening and the text's first events, without their end. */
function begun(text: string, { model, usage }: Way): [Wire, string] {
  const wire = wireOf({ kind: "message", say: text }, model, usage);
  const [start = "", delta = ""] = wire.content(text.length + 1);
  return [wire, start + delta];
}

function open(out: ServerResponse, wire: Wire, more = ""): void {
  out.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  out.write(wire.opening() + more);
}

const drained = (out: ServerResponse, gone: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const end = () => {
      out.off("drain", end);
      gone.removeEventListener("abort", end);
      resolve();
    };
    out.once("drain", end);
    gone.addEventListener("abort", end);
  });
