import type { Hono } from "hono";
import type { RedisHttpToken } from "../../shared/redis-http-token.ts";
import { tooMany } from "./command-routes.ts";
import type { BridgeDeps, BridgeEnv } from "./deps.ts";
import { Refusal } from "./refusal.ts";
import { openStream } from "./stream.ts";

/** `/subscribe/{channel}` and `/psubscribe/{pattern}` as event streams. */
export function streamRoutes(app: Hono<BridgeEnv>, { limits, clock, stopping }: BridgeDeps): void {
  let open = 0;
  for (const kind of ["subscribe", "psubscribe"] as const) {
    const path = `/${kind}/:name{.+}` as const;
    app.on(["GET", "POST"], path, async (c) => {
      const name = c.req.param("name");
      checkName(c.get("token"), name);
      if (open >= limits.subscriptions) throw tooMany("subscriptions");
      open++;
      const { keepAliveMs } = limits;
      const { subscriptions } = c.get("redis");
      const gone = AbortSignal.any([c.req.raw.signal, stopping]);
      return openStream({ subscriptions, kind, name, keepAliveMs, clock, gone, onEnd: () => open-- });
    });
    app.all(path, () => {
      throw new Refusal(405, "ERR only GET and POST are taken here", { allow: "GET, POST" });
    });
  }
}

/** A prefix has no special characters, so a pattern that begins with it matches nothing else. @throws Refusal 400 */
function checkName(token: RedisHttpToken | undefined, name: string): void {
  const prefix = token && "prefix" in token.rights ? token.rights.prefix : "";
  if (!name.startsWith(prefix))
    throw new Refusal(400, "NOPERM this token has no permissions to access the channel used as argument");
}
