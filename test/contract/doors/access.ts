import { request } from "node:http";
import { expect, test } from "vitest";
import { reply } from "../../support/an-api.ts";
import { savedKey } from "../../support/an-api-key.ts";
import type { Place } from "./door-contract.ts";
import { configuredKey } from "./door-world.ts";

export function access({ door, caller, world }: Place): void {
  const get = async (path: string, headers: Record<string, string> = {}) =>
    reply(await fetch(`${door().url}${path}`, { headers }));

  test.each(["/", "/jobs", "/profiles", "/ready", "/metrics", "/openapi.json", "/mcp", "/nowhere"])(
    "%s is nothing without a key, by whatever name of the server",
    async (path) => {
      const { status, headers, body } = await get(path);
      expect(status).toBe(401);
      expect(headers.get("www-authenticate")).toMatch(/^Bearer realm="agenticore", resource_metadata="https:/);
      expect(body).toMatchObject({ success: false, code: "unauthorized" });
      expect(await statusFor(door().url, path, "agents.example")).toBe(401);
    },
  );

  test("health and the metadata of the resource are for all, with the headers of every answer", async () => {
    const { status, headers, body } = await get("/health");
    expect([status, body]).toEqual([200, expect.objectContaining({ status: "ok", service: "agenticore" })]);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    expect((await get("/.well-known/oauth-protected-resource/mcp")).body).toMatchObject({
      resource: "https://agents.example/mcp",
      authorization_servers: [world().issuer.issuer],
    });
  });

  test("keys of the configuration and of the store are taken, wrong and revoked ones are not", async () => {
    const { store } = world();
    const { as } = await savedKey(store);
    const revoked = await savedKey(store);
    await store.revokeKey(revoked.id, "2026-01-02T00:00:00.000Z");
    const status = async (headers: Record<string, string>, path = "/jobs") => (await get(path, headers)).status;

    expect(await status({ "x-api-key": configuredKey })).toBe(200);
    expect(await status({ authorization: `Bearer ${configuredKey}` })).toBe(200);
    expect(await status(as)).toBe(200);
    expect(await status(revoked.as)).toBe(401);
    expect(await status({ "x-api-key": `${configuredKey}x` })).toBe(401);
    expect(await status({}, `/jobs?api_key=${configuredKey}`)).toBe(401);
  });

  test("a key does what its scopes say, where it may, and sees its tenant's jobs alone", async () => {
    const me = await caller();
    const other = await caller();
    const reader = await caller({ scopes: ["read"] });
    const narrow = await caller({ pools: ["elsewhere"] });
    const id = await me.submit();

    expect((await other.get(`/jobs/${id}`)).status).toBe(404);
    expect((await other.get(`/jobs/${id}/events`)).status).toBe(404);
    expect((await other.get("/jobs")).body["count"]).toBe(0);
    expect((await reader.get("/jobs")).status).toBe(200);
    const refused = await reader.send("POST", "/jobs", { task: "x" });
    expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([
      403,
      expect.stringContaining('error="insufficient_scope", scope="submit"'),
    ]);
    expect((await narrow.send("POST", "/jobs", { task: "x" })).status).toBe(403);
  });

  test("a key over its limit is refused until its next turn, over REST and MCP, and each answer says what is left", async () => {
    const me = await caller({ rate: 3 });
    const list = { jsonrpc: "2.0", id: 1, method: "tools/list", params: {} };
    const call = () => me.send("POST", "/mcp", list, { accept: "application/json, text/event-stream" });
    const answers = [await me.get("/jobs"), await call(), await me.get("/jobs"), await me.get("/jobs"), await call()];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429, 429]);
    const told = answers.map(({ headers }) => headers.get("ratelimit")?.match(/^"key";r=(\d);t=\d+$/)?.[1]);
    expect(told).toEqual(["2", "1", "0", "0", "0"]);
    expect(answers[3]?.headers.get("ratelimit-policy")).toBe('"key";q=3;w=60');
    expect(Number(answers[3]?.headers.get("retry-after"))).toBeGreaterThan(0);
  });

  test("an access token of a trusted issuer is taken, whose keys are asked for once; others are not", async () => {
    const { issuer } = world();
    const as = async (claims: Record<string, unknown>) => ({
      authorization: `Bearer ${await issuer.token({ claims })}`,
    });
    const before = issuer.asked.length;
    for (const _ of [1, 2, 3]) expect((await get("/jobs", await as({}))).status).toBe(200);
    expect(issuer.asked.slice(before)).toEqual(["/.well-known/oauth-authorization-server", "/jwks"]);
    for (const claims of [{ aud: "https://others.example" }, { exp: 1 }, { iss: "https://others.example" }]) {
      const { status, headers } = await get("/jobs", await as(claims));
      expect([status, headers.get("www-authenticate")]).toEqual([401, expect.stringContaining("invalid_token")]);
    }
  });

  test("pages of other origins are kept out, our own are not", async () => {
    const me = await caller();
    expect((await me.get("/jobs", { origin: "https://evil.example" })).status).toBe(403);
    expect((await me.send("POST", "/mcp", {}, { origin: "https://evil.example" })).status).toBe(403);
    expect((await me.get("/jobs", { origin: door().url })).status).toBe(200);
  });
}

/** `fetch` does not let a host be named. */
const statusFor = (url: string, path: string, host: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    request(`${url}${path}`, { headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .once("error", reject)
      .end();
  });
