import type { ApiKeyRecord } from "../../shared/api-key.ts";
import { systemClock } from "../../shared/clock.node.ts";
import { runnerPath } from "../../shared/runner-door/protocol.ts";
import { Secret } from "../../shared/secret.ts";
import { openRemoteStore, type RemoteStoreOptions } from "../../shared/store/remote.ts";
import type { JobStore } from "../../shared/store.ts";
import { anApi, type TestApi } from "./an-api.ts";
import { savedKey } from "./an-api-key.ts";

export type RunnerDoor = AsyncDisposable &
  Readonly<{
    api: TestApi;
    /** The store itself, as the API has it. */
    store: JobStore;
    /** A runner's store, through the door, with a key of these facts. */
    as: (facts?: Partial<ApiKeyRecord>, options?: Partial<RemoteStoreOptions>) => Promise<JobStore>;
  }>;

/** An API that asks for keys, and runners that reach its store over HTTP, in this process. */
export async function aRunnerDoor(): Promise<RunnerDoor> {
  const api = await anApi({ settings: { requireKeys: true, loopbackOnly: false } });
  const opened: JobStore[] = [];
  return {
    api,
    store: api.store,
    as: async (facts = {}, options = {}) => {
      const { key } = await savedKey(api.store, { scopes: ["runner"], ...facts });
      const ports = { clock: systemClock, random: Math.random, limits: { tryMs: 2_000, callMs: 2_000 } };
      const remote = openRemoteStore({
        ...{ url: "http://api.example", key: new Secret(key), ...ports },
        fetch: async (input, init) => api.app.request(String(input), init),
        ...options,
      });
      opened.push(remote);
      return remote;
    },
    [Symbol.asyncDispose]: async () => {
      for (const remote of opened) await remote[Symbol.asyncDispose]();
      await api[Symbol.asyncDispose]();
    },
  };
}

export const callPath = (method: string): string => `${runnerPath}${method}`;
