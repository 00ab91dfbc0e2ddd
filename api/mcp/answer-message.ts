import { parseJSONRPCMessage } from "@modelcontextprotocol/server";
import type { Context } from "hono";
import { AppError } from "../../shared/error.ts";
import type { ApiEnv } from "../asked.ts";
import type { ApiDeps } from "../deps.ts";
import { isSession, noSuchSession, relayOwner } from "./relay-session.ts";

/**
 * Takes one message of a client of HTTP+SSE (MCP 2024-11-05) for its stream, wherever that is. The answer comes over the
 * stream: 202 says that the message is on its way.
 * @throws AppError `invalid_request`, `not_found` for a session that is over or another's, `rate_limited` where too much waits.
 */
export async function answerMessage({ store, newId }: ApiDeps, c: Context<ApiEnv>): Promise<Response> {
  const text = c.get("asked").text ?? "";
  checkMessage(text);
  const sessions = c.req.queries("session_id") ?? [];
  const [channel = ""] = sessions;
  if (sessions.length !== 1 || Object.keys(c.req.query()).length !== 1)
    throw new AppError("invalid_request", "The address names no session, or something else.", {
      errors: [{ path: "session_id", message: "must be given once, and nothing else" }],
      remedy: "Post to the address that the `endpoint` event of GET /sse has named.",
    });
  if (!isSession(channel)) throw noSuchSession();
  const sent = await store.sendRelay({ channel, owner: await relayOwner(c.get("asked").caller), id: newId(), text });
  if (sent === "missing") throw noSuchSession();
  if (sent === "full")
    throw new AppError("rate_limited", "The stream has not yet taken what was sent before.", {
      remedy: "Read the stream, and wait for answers before you send more.",
    });
  return c.body(null, 202);
}

/** @throws AppError `invalid_request` for what is not one message of JSON-RPC; a batch is none. */
function checkMessage(text: string): void {
  try {
    parseJSONRPCMessage(JSON.parse(text));
  } catch (cause) {
    throw new AppError("invalid_request", "The body is not one message of JSON-RPC 2.0.", {
      cause,
      errors: [{ path: "", message: "must be a request, a notification or an answer of JSON-RPC 2.0" }],
      remedy: "Send one JSON object, as MCP describes it.",
    });
  }
}
