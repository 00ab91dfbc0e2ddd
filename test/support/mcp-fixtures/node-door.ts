import { createApp } from "../../../api/app.ts";
import { assemble } from "../../../api/assemble.ts";
import { systemClock } from "../../../shared/clock.node.ts";
import { openHttpServer } from "../../../shared/http-server.node.ts";
import { silentLog } from "../../../shared/log.ts";
import { aConfig } from "../a-served-api.ts";
import { aStore, someProfiles } from "../an-api.ts";
import { startFixtureRunner } from "./fixture-runner.ts";
import { fixtureServer } from "./fixture-server.ts";

type Door = AsyncDisposable & Readonly<{ url: string }>;

/** Our door on Node, over a store of its own, with the suite's tools behind it and a runner for their jobs. */
export async function fixturesOnNode(): Promise<Door> {
  await using made = new AsyncDisposableStack();
  const { store, close } = await aStore();
  made.defer(close);
  made.use(startFixtureRunner(store));
  const stop = new AbortController();
  const host = "127.0.0.1";
  const parts = { config: aConfig(), store, profiles: someProfiles, clock: systemClock, log: silentLog };
  const deps = assemble({ ...parts, version: "0.1.0" }, { host, stopping: stop.signal });
  const { fetch } = createApp(deps, { mcp: fixtureServer });
  const hints = { port: "the test", host: "the test" };
  const server = await openHttpServer({ fetch, host, port: 0, clock: systemClock, hints });
  made.defer(() => server.close());
  made.defer(() => stop.abort());
  const kept = made.move();
  return { url: server.url, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}
