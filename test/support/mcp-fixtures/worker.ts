import { createApp } from "../../../api/app.ts";
import { assemble } from "../../../api/assemble.ts";
import { bundledProfiles } from "../../../api/edge/bundled-profiles.ts";
import { sleepByTimer } from "../../../shared/clock.ts";
import { resolveConfig } from "../../../shared/config.ts";
import { silentLog } from "../../../shared/log.ts";
import { redisOverHttp } from "../../../shared/store/redis-over-http.ts";
import { fixtureServer } from "./fixture-server.ts";

const clock = { now: () => Date.now(), uptime: () => performance.now(), sleep: sleepByTimer };

/**
 * Our door on workerd with the suite's tools behind it, an app for each request. As on Node without keys, because the suite
 * has none: so it serves loopback names alone.
 */
export default {
  fetch: async (request: Request, env: Readonly<Record<string, string>>): Promise<Response> => {
    const { config } = resolveConfig({ env, at: { home: "/", hostName: "worker", kubernetes: false } });
    const openStore = redisOverHttp(config, {
      ...{ clock, log: silentLog, fetch: (...asked) => fetch(...asked) },
      random: () => Math.random(),
      newId: () => crypto.randomUUID(),
    });
    const parts = { config, store: openStore(), profiles: bundledProfiles, clock, log: silentLog, version: "0.1.0" };
    const deps = assemble(parts, { host: "127.0.0.1", streamMs: 300_000 });
    return await createApp(deps, { mcp: fixtureServer }).fetch(request);
  },
};
