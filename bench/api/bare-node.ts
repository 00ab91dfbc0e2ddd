import { randomUUID } from "node:crypto";
import { serve } from "@hono/node-server";
import { systemClock } from "../../shared/clock.node.ts";
import { openTcpWire } from "../../shared/store/redis/tcp-wire.node.ts";
import { openRedisStore } from "../../shared/store/redis.ts";
import { bareApp } from "./bare-app.ts";

/** The bare routes in a process of their own, on Node as one would serve them: `node bare-node.ts REDIS_URL PREFIX`. */
const [url = "", prefix = ""] = process.argv.slice(2);
const wire = openTcpWire({ url, clock: systemClock, random: Math.random });
const store = openRedisStore({ wire, prefix, clock: systemClock, random: Math.random, newId: randomUUID });
serve({ fetch: bareApp(() => store).fetch, hostname: "127.0.0.1", port: 0 }, ({ port }) => {
  console.error(`listening on http://127.0.0.1:${port}`);
});
