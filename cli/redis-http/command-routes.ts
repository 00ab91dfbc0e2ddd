import type { Context, Hono } from "hono";
import type { BridgeDeps, BridgeEnv } from "./deps.ts";
import { readBody } from "./read-body.ts";
import { readCommand, readCommands } from "./read-commands.ts";
import type { RedisAccess } from "./redis-access.ts";
import { isError, type RedisCommand, type RedisReply } from "./redis-reply.ts";
import { Refusal } from "./refusal.ts";
import { refusalOf } from "./refused-command.ts";
import { type Format, toJson, toJsonList, toResp2 } from "./write-reply.ts";

type Work = (redis: RedisAccess, body: string, format: Format) => Promise<string | Uint8Array<ArrayBuffer>>;

/** `POST /` for one command, `/pipeline` for several, `/multi-exec` for a transaction. */
export function commandRoutes(app: Hono<BridgeEnv>, { limits, clock }: BridgeDeps): void {
  let busy = 0;
  const route = (path: string, work: Work) => {
    app.post(path, async (c) => {
      if (busy >= limits.requests) throw tooMany("requests at once");
      busy++;
      try {
        const format = formatOf(c);
        const body = await readBody(c.req.raw, limits.bodyBytes, clock);
        return answer(c, await work(c.get("redis"), body, format));
      } finally {
        busy--;
      }
    });
    app.all(path, () => {
      throw new Refusal(405, "ERR only POST is taken here", { allow: "POST" });
    });
  };
  route("/", async (redis, body, format) => {
    const [reply = null] = await runTaken(redis, [readCommand(body)]);
    if (isError(reply)) throw new Refusal(isPassing(reply) ? 503 : 400, reply.message);
    return format === "resp2" ? toResp2(reply) : toJson(reply, format);
  });
  route("/pipeline", async (redis, body, format) => {
    const replies = await runTaken(redis, readCommands(body, limits.commands));
    return format === "resp2" ? Buffer.concat(replies.map(toResp2)) : toJsonList(replies, format);
  });
  route("/multi-exec", async (redis, body, format) => {
    const commands = readCommands(body, limits.commands);
    const refusal = commands.map(refusalOf).find(Boolean);
    if (refusal) throw new Refusal(400, refusal);
    // Transactions are answered in JSON only.
    return toJsonList(await redis.transact(commands), format === "resp2" ? "text" : format);
  });
}

export const tooMany = (what: string): Refusal => new Refusal(429, `ERR too many ${what}`, { "retry-after": "1" });

/** A command that is not taken is answered in its place; the others run. */
async function runTaken(redis: RedisAccess, commands: readonly RedisCommand[]): Promise<readonly RedisReply[]> {
  const refusals = commands.map(refusalOf);
  const replies = [...(await redis.run(commands.filter((_, at) => refusals[at] === undefined)))];
  return refusals.map((refusal) => (refusal === undefined ? (replies.shift() ?? null) : new Error(refusal)));
}

/** Redis will serve it later. */
const isPassing = ({ message }: Error): boolean => /^(LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN) /.test(message);

/** @throws Refusal 400 */
function formatOf(c: Context<BridgeEnv>): Format {
  const format = c.req.header("upstash-response-format")?.toLowerCase() ?? "json";
  const isBase64 = c.req.header("upstash-encoding")?.toLowerCase() === "base64";
  if (format !== "json" && format !== "resp2")
    throw new Refusal(400, "ERR Upstash-Response-Format must be json or resp2");
  if (format === "resp2" && isBase64) throw new Refusal(400, "ERR resp2 cannot be encoded as base64");
  return format === "resp2" ? "resp2" : isBase64 ? "base64" : "text";
}

function answer(c: Context<BridgeEnv>, body: string | Uint8Array<ArrayBuffer>): Response {
  // There is one Redis behind this: what was written is read, with any token.
  c.header("upstash-sync-token", c.req.header("upstash-sync-token") || "0");
  c.header("content-type", typeof body === "string" ? "application/json" : "application/octet-stream");
  return c.body(body);
}
