import { expect, test } from "vitest";
import { anApi } from "../../support/an-api.ts";
import { anIssuer } from "../../support/an-issuer.ts";

const resource = "https://agents.example/mcp";
const anApiOf = ({ issuer }: Readonly<{ issuer: string }>) =>
  anApi({ settings: { loopbackOnly: false, oauth: { issuers: [issuer], resource } }, fetch });
const as = (token: string) => ({ authorization: `Bearer ${token}`, accept: "application/json, text/event-stream" });
const list = { jsonrpc: "2.0", id: 1, method: "tools/list", params: {} };

test("W-76: who knows the address alone finds where to log in, and the token opens MCP and REST, both shut without it", async () => {
  await using issuer = await anIssuer(resource);
  await using api = await anApiOf(issuer);
  const refused = await api.post("/mcp", list, { accept: "application/json, text/event-stream" });
  expect([refused.status, (await api.get("/jobs")).status]).toEqual([401, 401]);

  const { pathname } = new URL(
    /resource_metadata="([^"]+)"/.exec(refused.headers.get("www-authenticate") ?? "")?.[1] ?? "",
  );
  const [server] = (await api.get(pathname)).body["authorization_servers"] as string[];
  const { jwks_uri } = (await (await fetch(`${server}/.well-known/oauth-authorization-server`)).json()) as {
    jwks_uri: string;
  };
  expect(jwks_uri).toBe(`${issuer.issuer}/jwks`);
  const token = await issuer.token();

  expect((await api.post("/mcp", list, as(token))).text).toContain('"name":"run_task"');
  expect((await api.get("/jobs", as(token))).status).toBe(200);
});

test("W-77: nobody is given a client, a secret or a token here", async () => {
  await using issuer = await anIssuer(resource);
  await using api = await anApiOf(issuer);
  const headers = as(await issuer.token({ claims: { scope: "submit read cancel admin" } }));
  const asked = { redirect_uris: ["https://elsewhere.example/"], grant_type: "authorization_code", code: "x" };

  for (const path of ["/register", "/token", "/oauth/token", "/oauth/register", "/revoke"])
    expect([path, (await api.post(path, asked, headers)).status]).toEqual([path, 404]);
  for (const path of ["/authorize?response_type=code&client_id=x", "/oauth/authorize", "/consent"])
    expect([path, (await api.get(path, headers)).status]).toEqual([path, 404]);
  for (const path of ["oauth-authorization-server", "openid-configuration"])
    expect([path, (await api.get(`/.well-known/${path}`, headers)).status]).toEqual([path, 404]);
});

test("W-78: a token is good at each server and at one that was started after it was given, and ends everywhere at its time", async () => {
  await using issuer = await anIssuer(resource);
  const now = Math.floor(Date.now() / 1000);
  const token = await issuer.token();
  const old = await issuer.token({ claims: { iat: now - 600, exp: now - 60 } });
  for (const _ of ["one server", "another", "the first, started anew"]) {
    await using api = await anApiOf(issuer);
    expect((await api.get("/jobs", as(token))).status).toBe(200);
    expect((await api.get("/jobs", as(old))).status).toBe(401);
  }
});
