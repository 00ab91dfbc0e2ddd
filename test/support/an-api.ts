import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createApp } from "../../api/app.ts";
import type { ApiDeps, ApiSettings } from "../../api/deps.ts";
import { systemClock } from "../../shared/clock.node.ts";
import type { Clock } from "../../shared/clock.ts";
import { silentLog } from "../../shared/log.ts";
import type { ProfileSummary } from "../../shared/profile.ts";
import { defaultAllowedRepos, isRepoAllowed } from "../../shared/repo-allowed.ts";
import { openSqliteStore } from "../../shared/store/sqlite.node.ts";
import type { JobStore } from "../../shared/store.ts";

export type Reply = Readonly<{ status: number; headers: Headers; body: Record<string, unknown>; text: string }>;
/** The app in this process, over a store of its own on disk. */
export type TestApi = AsyncDisposable &
  Readonly<{
    app: ReturnType<typeof createApp>;
    deps: ApiDeps;
    store: JobStore;
    fetch: (path: string, init?: RequestInit) => Promise<Response>;
    get: (path: string, headers?: Record<string, string>) => Promise<Reply>;
    /** JSON, and given text or bytes as they are. */
    post: (path: string, body?: unknown, headers?: Record<string, string>) => Promise<Reply>;
    submit: (request?: Record<string, unknown>) => Promise<string>;
  }>;

export const someProfiles: readonly ProfileSummary[] = [
  { name: "code", description: "Writes code", source: "bundled" },
  { name: "review", description: "Reads only", source: "bundled" },
];
export const someSettings: ApiSettings = {
  apiKeys: [],
  loopbackOnly: true,
  corsOrigins: [],
  defaultProfile: "code",
  rules: [],
  maxAttempts: 3,
  jobTtlSeconds: 86_400,
  queueTtlSeconds: 86_400,
  isRepoAllowed: (address) => isRepoAllowed(address, defaultAllowedRepos),
};

type Facts = Readonly<{ settings?: Partial<ApiSettings>; clock?: Clock }> &
  Partial<Omit<ApiDeps, "settings" | "clock">>;

export async function anApi({ settings, clock = systemClock, ...facts }: Facts = {}): Promise<TestApi> {
  const { store, close } = await aStore(clock);
  const deps: ApiDeps = {
    store,
    clock,
    log: silentLog,
    newId: randomUUID,
    version: "0.1.0",
    bundled: someProfiles,
    settings: { ...someSettings, ...settings },
    ...facts,
  };
  const app = createApp(deps);
  const fetch = async (path: string, init?: RequestInit) => app.request(path, init);
  const get = async (path: string, headers: Record<string, string> = {}) => reply(await fetch(path, { headers }));
  const post = async (path: string, body?: unknown, headers: Record<string, string> = {}) =>
    reply(
      await fetch(path, {
        method: "POST",
        headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
        ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      }),
    );
  return {
    app,
    deps,
    store,
    fetch,
    get,
    post,
    submit: async (request = {}) => {
      const { status, body } = await post("/jobs", { task: "Add a test", ...request });
      if (status !== 202) throw new Error(`submit answered ${status}: ${JSON.stringify(body)}`);
      return (body["job"] as { id: string }).id;
    },
    [Symbol.asyncDispose]: close,
  };
}

export async function aStore(clock: Clock = systemClock) {
  const folder = mkdtempSync(join(tmpdir(), "agenticore-api-"));
  const store = await openSqliteStore({ path: join(folder, "agenticore.db"), clock, bootId: "boot-1" });
  const close = async () => {
    await store[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  };
  return { store, close };
}

export async function reply(response: Response): Promise<Reply> {
  const text = await response.text();
  const isJson = /json/.test(response.headers.get("content-type") ?? "");
  return { status: response.status, headers: response.headers, text, body: isJson && text ? JSON.parse(text) : {} };
}
