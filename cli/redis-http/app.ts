import { Hono } from "hono";
import { authorise } from "./authorise.ts";
import { commandRoutes } from "./command-routes.ts";
import type { BridgeDeps, BridgeEnv } from "./deps.ts";
import { isError } from "./redis-reply.ts";
import { Refusal } from "./refusal.ts";
import { streamRoutes } from "./stream-routes.ts";

/**
 * Upstash's REST protocol (upstash.com/docs/redis/features/restapi) over a Redis of one's own: every answer but a
 * stream's or RESP2's is JSON, with `result` or `error`. Commands in the path are not taken: addresses end up in logs.
 */
export function bridgeApp(deps: BridgeDeps): Hono<BridgeEnv> {
  const app = new Hono<BridgeEnv>();
  app.onError((error, c) => {
    const known = error instanceof Refusal;
    if (!known) deps.log.error("a request failed", { error });
    return known
      ? c.json({ error: error.message }, error.status, error.headers)
      : c.json({ error: "ERR internal error of the bridge" }, 503);
  });
  app.notFound((c) =>
    c.json({ error: 'ERR no such path: commands are sent as JSON, as POST / with ["GET","key"]' }, 404),
  );
  app.get("/health", async (c) => {
    const [pong] = await deps.access().run([["PING"]]);
    if (isError(pong)) throw new Refusal(503, pong.message);
    return c.json({ status: "ok", service: "agenticore redis-http", version: deps.version });
  });
  app.use(authorise(deps));
  commandRoutes(app, deps);
  streamRoutes(app, deps);
  return app;
}
