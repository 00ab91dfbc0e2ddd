import { afterEach, expect, test, vi } from "vitest";
import worker from "../../../api/worker.ts";
import { aBridgedRedis } from "../../support/a-bridged-redis.ts";

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});
const store = { REDIS_URL: "https://127.0.0.1:1", REDIS_TOKEN: "t" };
const jobs = () => new Request("https://agents.example/jobs");

test.each([
  ["no store", {}, "REDIS_URL"],
  ["a store by TCP", { REDIS_URL: "redis://127.0.0.1:1", REDIS_TOKEN: "t" }, "REDIS_URL"],
  ["a store without its token", { REDIS_URL: store.REDIS_URL }, "REDIS_TOKEN"],
  ["a wrong value", { ...store, AGENTICORE_JOB_TTL: "soon" }, "AGENTICORE_JOB_TTL"],
  [
    "issuers without a resource",
    { ...store, AGENTICORE_OAUTH_ISSUERS: "https://a.example" },
    "AGENTICORE_OAUTH_RESOURCE",
  ],
])("with %s nobody is served, and the log alone says why", async (_, bindings, word) => {
  vi.stubGlobal("AGENTICORE_VERSION", "0.1.0");
  const said = vi.spyOn(console, "error").mockReturnValue();
  const answer = await worker.fetch(jobs(), bindings);
  const text = await answer.text();
  expect([answer.status, JSON.parse(text).code]).toEqual([503, "setup_failed"]);
  expect(text).not.toContain(word);
  expect(said.mock.calls.flat().join()).toContain(word);
  await expect(worker.scheduled(undefined, bindings)).rejects.toThrow(word);
});

test("a Worker is open to nobody, whatever its configuration says", async () => {
  vi.stubGlobal("AGENTICORE_VERSION", "0.1.0");
  vi.spyOn(console, "warn").mockReturnValue();
  const open = {
    AGENTICORE_ALLOW_UNAUTHENTICATED: "true",
    AGENTICORE_REQUIRE_KEYS: "false",
    AGENTICORE_HOST: "127.0.0.1",
  };
  const answer = await worker.fetch(jobs(), { ...store, ...open });
  expect([answer.status, answer.headers.get("www-authenticate")]).toEqual([401, 'Bearer realm="agenticore"']);
});

test("the cron trigger sends notifications, and a request that made one does once it is answered, to a host that is named in full", async () => {
  vi.stubGlobal("AGENTICORE_VERSION", "0.1.0");
  vi.spyOn(console, "info").mockReturnValue();
  // A Worker is set up once; this one was not yet.
  vi.resetModules();
  const { default: fresh } = await import("../../../api/worker.ts");
  await using redis = await aBridgedRedis();
  const sent: Request[] = [];
  const real = fetch;
  vi.stubGlobal("fetch", async (...asked: Parameters<typeof fetch>) => {
    const request = new Request(...asked);
    if (new URL(request.url).hostname !== "hooks.example") return await real(...asked);
    sent.push(request);
    return new Response(null, { status: 204 });
  });
  const key = "a-made-up-key-of-the-test";
  const bindings = {
    ...{ REDIS_URL: redis.bridge.url, REDIS_TOKEN: redis.bridge.token, AGENTICORE_API_KEYS: key },
    AGENTICORE_NOTIFY_ALLOWED: "hooks.example,*.team.example",
    AGENTICORE_NOTIFY_SECRET: "a text of more than twenty-four letters",
  };
  const after: Promise<unknown>[] = [];
  const context = { waitUntil: (work: Promise<unknown>) => void after.push(work) };
  const ask = async (path: string, body: object, context?: { waitUntil: (work: Promise<unknown>) => void }) => {
    const init = { method: "POST", headers: { "x-api-key": key, "content-type": "application/json" } };
    return await fresh.fetch(
      new Request(`https://agents.example${path}`, { ...init, body: JSON.stringify(body) }),
      bindings,
      context,
    );
  };
  const submit = (host: string) => ask("/jobs", { task: "Add a test", notify_url: `https://${host}/` });
  expect((await submit("a.team.example")).status).toBe(422);
  const made = (await (await submit("hooks.example")).json()) as { job: { id: string } };
  await ask(`/jobs/${made.job.id}/cancel`, {});
  await fresh.scheduled(undefined, bindings);
  await fresh.scheduled(undefined, bindings);
  expect(sent).toHaveLength(1);
  expect(await sent[0]?.json()).toMatchObject({ type: "job.cancelled", data: { job: { id: made.job.id } } });

  const next = (await (await submit("hooks.example")).json()) as { job: { id: string } };
  await ask(`/jobs/${next.job.id}/cancel`, {}, context);
  await Promise.all(after);
  expect(await sent[1]?.json()).toMatchObject({ type: "job.cancelled", data: { job: { id: next.job.id } } });
  await ask("/jobs", { task: "Add a test" }, context);
  await ask(`/jobs/${next.job.id}/messages`, { text: "Hello" }, context);
  expect(after).toHaveLength(1);
});
