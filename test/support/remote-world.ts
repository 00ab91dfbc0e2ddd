import { randomUUID } from "node:crypto";
import { createApp } from "../../api/app.ts";
import type { ChangeQuery } from "../../shared/change-query.ts";
import { systemClock } from "../../shared/clock.node.ts";
import { silentLog } from "../../shared/log.ts";
import { runnerCalls } from "../../shared/runner-door/calls.ts";
import { Secret } from "../../shared/secret.ts";
import { openRemoteStore } from "../../shared/store/remote.ts";
import type { JobStore, StoreLimits, WorktreeQuery } from "../../shared/store.ts";
import type { StoreWorld } from "../contract/store/store-world.ts";
import { someProfiles, someSettings } from "./an-api.ts";
import { savedKey } from "./an-api-key.ts";
import { sqliteWorld } from "./sqlite-world.ts";

/**
 * A SQLite store behind the API, in this process: what a runner asks goes over HTTP with a runner's key, and what only the
 * API asks goes to the store itself.
 */
export async function remoteWorld(limits: StoreLimits = {}): Promise<StoreWorld> {
  const world = await sqliteWorld(limits);
  const { clock } = world;
  // Known at the door and not kept in the store, whose keys the suite counts.
  const { key, record } = await savedKey({ ...world.store, saveKey: async () => undefined }, { scopes: ["runner"] });
  const opened: JobStore[] = [];
  /** With waits that the API may not know of yet. */
  const waiting = new Set<JobStore>();
  const behind = (store: JobStore): JobStore => {
    const settings = { ...someSettings, requireKeys: true, loopbackOnly: false };
    const known = { ...store, findKey: async () => record, touchKey: async () => undefined };
    const deps = {
      store: known,
      clock,
      log: silentLog,
      newId: randomUUID,
      version: "0.1.0",
      bundled: someProfiles,
      settings,
    };
    const app = createApp(deps);
    const remote = openRemoteStore({
      ...{ url: "http://api.example", key: new Secret(key), clock: systemClock, random: Math.random },
      fetch: async (input, init) => app.request(String(input), init),
    });
    opened.push(remote);
    return joined(store, remote, () => waiting.add(remote));
  };
  return {
    store: behind(world.store),
    another: async () => behind(await world.another()),
    advance: async (ms) => {
      const asked = [...waiting];
      waiting.clear();
      // Its calls go out behind its waits.
      for (const remote of asked) await remote.ping().catch(() => undefined);
      await world.advance(ms);
    },
    [Symbol.asyncDispose]: async () => {
      for (const remote of opened) await remote[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}

/** A runner's calls by the wire, in the forms that runners use; all else as the API has it. */
function joined(store: JobStore, remote: JobStore, onWait: () => void): JobStore {
  const own = Object.fromEntries(
    Object.keys(runnerCalls).map((name) => [name, remote[name as keyof typeof runnerCalls]]),
  );
  const isRunners = ({ pools, control, runner }: ChangeQuery) =>
    pools !== undefined || control === true || runner !== undefined;
  return {
    ...store,
    ...(own as Pick<JobStore, keyof typeof runnerCalls>),
    submit: store.submit,
    // Which the store knows under their keys' tenants.
    runners: async () => (await store.runners()).map((runner) => ({ ...runner, id: runner.id.replace(/^.*\|/, "") })),
    changed: (what) => {
      if (!isRunners(what)) return store.changed(what);
      onWait();
      return remote.changed(what);
    },
    listWorktrees: (query: WorktreeQuery) =>
      query.box === undefined ? store.listWorktrees(query) : remote.listWorktrees(query),
    [Symbol.asyncDispose]: async () => {
      await remote[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}
