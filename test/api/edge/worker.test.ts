import { afterEach, expect, test, vi } from "vitest";
import worker from "../../../api/worker.ts";

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
