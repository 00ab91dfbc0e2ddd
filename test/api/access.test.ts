import { request } from "node:http";
import { expect, test } from "vitest";
import { startApi } from "../../api/server.node.ts";
import { checkBind } from "../../api/settings.ts";
import { systemClock } from "../../shared/clock.node.ts";
import { silentLog } from "../../shared/log.ts";
import { isLoopbackHost } from "../../shared/repo-rules.ts";
import { Secret } from "../../shared/secret.ts";
import { aConfig, aServedApi } from "../support/a-served-api.ts";
import { anApi, aStore, someProfiles } from "../support/an-api.ts";

const red = "a-red-key-of-the-test";
const blue = "a-blue-key-of-the-test";
const keyed = { apiKeys: [new Secret(red), new Secret(blue)], loopbackOnly: false };
const as = (key: string) => ({ "x-api-key": key });
const paths = ["/", "/jobs", "/profiles", "/runners", "/ready", "/metrics", "/openapi.json", "/docs", "/nowhere"];

test("with keys nothing but /health is served without one", async () => {
  await using api = await anApi({ settings: keyed });
  for (const path of paths) {
    const answer = await api.get(path);
    expect([path, answer.status]).toEqual([path, 401]);
    expect(answer.headers.get("www-authenticate")).toBe('Bearer realm="agenticore"');
    expect(answer.body).toMatchObject({ success: false, code: "unauthorized" });
  }
  expect((await api.get("/health")).status).toBe(200);
});

test.each([
  { authorization: `Bearer ${red}` },
  { authorization: `bearer ${red}` },
  { "x-api-key": blue },
  { authorization: "Basic dTpw", "x-api-key": red },
])("a key is taken as %j", async (headers) => {
  await using api = await anApi({ settings: keyed });
  expect((await api.get("/jobs", headers)).status).toBe(200);
});

test.each([
  { authorization: red },
  { authorization: "Bearer" },
  { authorization: "Bearer wrong" },
  { "x-api-key": `${red}x` },
  { "x-api-key": red.slice(0, -1) },
  { "x-api-key": "" },
  { authorization: `Basic ${btoa(`:${red}`)}` },
])("what is no key is refused: %j", async (headers) => {
  await using api = await anApi({ settings: keyed });
  const answer = await api.get("/jobs", headers);
  expect(answer.status).toBe(401);
  expect(answer.text).not.toContain(red);
});

test("a key in the address is no key", async () => {
  await using api = await anApi({ settings: keyed });
  expect((await api.get(`/jobs?api_key=${red}`)).status).toBe(401);
});

test("what one key has made is not there for another", async () => {
  await using api = await anApi({ settings: keyed });
  const made = await api.post("/jobs", { task: "Add a test" }, { ...as(red), "idempotency-key": "k" });
  const { id } = made.body["job"] as { id: string };

  const seen = [
    await api.get(`/jobs/${id}`, as(blue)),
    await api.get(`/jobs/${id}/events`, as(blue)),
    await api.post(`/jobs/${id}/cancel`, {}, as(blue)),
    await api.post(`/jobs/${id}/retry`, {}, as(blue)),
    await api.post(`/jobs/${id}/publish`, {}, as(blue)),
    await api.post(`/jobs/${id}/messages`, { text: "Hello" }, as(blue)),
  ];
  const other = await api.post("/jobs", { task: "Another" }, { ...as(blue), "idempotency-key": "k" });

  expect(seen.map((answer) => answer.status)).toEqual(seen.map(() => 404));
  expect(seen[0]?.body["detail"]).toBe(`There is no job ${id}.`);
  expect(other.status).toBe(202);
  expect((await api.get("/jobs", as(blue))).body["count"]).toBe(1);
  expect((await api.get("/jobs", as(red))).body).toMatchObject({ count: 1, jobs: [{ id, status: "queued" }] });
  expect((await api.get("/", as(blue))).text).not.toContain(id);
});

test("a page of another origin is refused, our own and a configured one are not", async () => {
  await using api = await anApi({ settings: { corsOrigins: ["https://trusted.example"] } });
  const from = async (origin: string) => (await api.post("/jobs", { task: "x" }, { origin })).status;

  expect(await from("https://elsewhere.example")).toBe(403);
  expect(await from("http://localhost:3000")).toBe(403);
  expect(await from("null")).toBe(403);
  expect((await api.store.list({ limit: 10 })).jobs).toEqual([]);
  expect(await from("http://localhost")).toBe(202);
  expect(await from("https://trusted.example")).toBe(202);
});

test("CORS is off unless configured", async () => {
  await using shut = await anApi();
  await using open = await anApi({ settings: { corsOrigins: ["https://trusted.example"] } });
  const preflight = {
    method: "OPTIONS",
    headers: { origin: "https://trusted.example", "access-control-request-method": "POST" },
  };

  expect((await shut.fetch("/jobs", preflight)).headers.get("access-control-allow-origin")).toBeNull();
  const answer = await open.fetch("/jobs", preflight);
  expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([204, "https://trusted.example"]);
});

test("without keys only loopback names are served: a name that points here is not ours", async () => {
  await using served = await aServedApi();
  const { port } = served.api;
  const named = (host: string, path = "/jobs") =>
    new Promise<number>((resolve, reject) => {
      request({ port, host: "127.0.0.1", path, headers: { host } }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      })
        .on("error", reject)
        .end();
    });

  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, "LOCALHOST", `[::1]:${port}`])
    expect([host, await named(host)]).toEqual([host, 200]);
  for (const host of [
    "evil.example",
    `evil.example:${port}`,
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "10.0.0.1",
  ])
    expect([host, await named(host)]).toEqual([host, 403]);
  // The whole address in the request line does not stand for the host header.
  expect(await named("evil.example", `http://127.0.0.1:${port}/jobs`)).toBe(403);
  expect(await named(`127.0.0.1:${port}`, "http://evil.example/jobs")).toBe(403);
});

test("with keys any name is served", async () => {
  await using api = await anApi({ settings: keyed });
  expect((await api.get("http://agents.example/jobs", as(red))).status).toBe(200);
});

test.each(["127.0.0.1", "127.9.9.9", "localhost", "::1", "[::1]"])("%s is a loopback address", (host) => {
  expect(isLoopbackHost(host)).toBe(true);
  expect(() => checkBind({ apiKeys: [], allowUnauthenticated: false }, host)).not.toThrow();
});

test.each(["0.0.0.0", "::", "", "10.0.0.1", "example.org", "127.0.0.1.example.org", "localhost.example.org"])(
  "without keys %j is not bound, unless that is asked for by name",
  (host) => {
    expect(() => checkBind({ apiKeys: [], allowUnauthenticated: false }, host)).toThrow("only a loopback address");
    expect(() => checkBind({ apiKeys: [], allowUnauthenticated: true }, host)).not.toThrow();
    expect(() => checkBind({ apiKeys: [new Secret(red)], allowUnauthenticated: false }, host)).not.toThrow();
  },
);

test("W-70: the server itself refuses to be open without keys", async () => {
  const { store, close } = await aStore();
  const options = { store, profiles: someProfiles, clock: systemClock, log: silentLog, version: "0.1.0" };
  const starting = startApi({ ...options, config: aConfig({ AGENTICORE_HOST: "0.0.0.0" }), port: 0 });
  await expect(starting).rejects.toMatchObject({
    code: "forbidden",
    remedy: expect.stringContaining("AGENTICORE_API_KEYS"),
  });
  await close();
});
