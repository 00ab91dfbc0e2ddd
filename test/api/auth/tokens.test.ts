import { base64url, SignJWT } from "jose";
import { expect, test } from "vitest";
import type { ApiDeps, OAuthSettings } from "../../../api/deps.ts";
import { apiSettings, checkBind } from "../../../api/settings.ts";
import { aConfig } from "../../support/a-served-api.ts";
import { anApi } from "../../support/an-api.ts";
import { savedKey } from "../../support/an-api-key.ts";
import { anIssuer, aSigner } from "../../support/an-issuer.ts";
import { fakeClock } from "../../support/fake-clock.ts";

const resource = "https://agents.example/mcp";
const metadata = "https://agents.example/.well-known/oauth-protected-resource/mcp";
type Issuer = Awaited<ReturnType<typeof anIssuer>>;

/** An API that takes tokens of these issuers. */
const anApiFor = (issuers: readonly Issuer[], facts: Partial<OAuthSettings> = {}, deps: Partial<ApiDeps> = {}) =>
  anApi({
    settings: { loopbackOnly: false, oauth: { issuers: issuers.map(({ issuer }) => issuer), resource, ...facts } },
    fetch,
    ...deps,
  });
const as = (token: string) => ({ authorization: `Bearer ${token}` });

test.each(["RS256", "PS256", "ES256", "EdDSA"])("a token of a trusted issuer is taken, signed with %s", async (alg) => {
  await using issuer = await anIssuer(resource, alg);
  await using api = await anApiFor([issuer]);
  const token = await issuer.token();
  const made = await api.post("/jobs", { task: "Add a test" }, as(token));

  expect(made.status).toBe(202);
  expect((await api.get("/jobs", as(await issuer.token({ claims: { aud: ["x", `${resource}/`] } })))).status).toBe(200);
  // Asked when the first token came, and not for each.
  expect(issuer.asked).toEqual(["/.well-known/oauth-authorization-server", "/jwks"]);
});

test("the tenant is issuer and subject: neither another person nor the same name at another issuer sees a job", async () => {
  await using one = await anIssuer(resource);
  await using two = await anIssuer(resource);
  await using api = await anApiFor([one, two]);
  await api.post("/jobs", { task: "Add a test" }, as(await one.token()));
  const count = async (token: string) => (await api.get("/jobs", as(token))).body["count"];

  expect(await count(await one.token())).toBe(1);
  expect(await count(await one.token({ claims: { sub: "bob" } }))).toBe(0);
  expect(await count(await two.token())).toBe(0);
});

test("a token has the scopes that it says, ours by name, and never runner", async () => {
  await using issuer = await anIssuer(resource);
  await using api = await anApiFor([issuer]);
  const drain = (scope: unknown, name = "scope") =>
    issuer
      .token({ claims: { scope: undefined, [name]: scope } })
      .then((token) => api.post("/runners/box/drain", {}, as(token)));

  const refused = await drain("read submit runner");
  expect(refused.status).toBe(403);
  expect(refused.headers.get("www-authenticate")).toBe(
    `Bearer realm="agenticore", error="insufficient_scope", scope="admin", resource_metadata="${metadata}"`,
  );
  expect((await drain("openid agenticore:admin")).status).toBe(404);
  expect((await drain(["admin"], "scp")).status).toBe(404);
  for (const scope of [undefined, "", "ADMIN", "admin,read", 7, { admin: true }])
    expect([scope, (await drain(scope)).status]).toEqual([scope, 403]);
});

test("where scopes are mapped only the map counts", async () => {
  await using issuer = await anIssuer(resource);
  await using api = await anApiFor([issuer], { scopes: { "jobs.write": ["submit", "cancel"] } });
  const status = async (scope: string, path: string) =>
    (await api.post(path, { task: "x" }, as(await issuer.token({ claims: { scope } })))).status;

  expect(await status("jobs.write", "/jobs")).toBe(202);
  expect(await status("submit", "/jobs")).toBe(403);
  expect(await status("constructor toString", "/jobs")).toBe(403);
  const told = await api.get("/.well-known/oauth-protected-resource");
  expect(told.body["scopes_supported"]).toEqual(["jobs.write"]);
});

test("the metadata is public and says who gives tokens, at the address that a refusal names", async () => {
  await using issuer = await anIssuer(resource);
  await using api = await anApiFor([issuer]);
  const refused = await api.post("/mcp", { jsonrpc: "2.0", id: 1, method: "tools/list" });
  expect(refused.status).toBe(401);
  expect(refused.headers.get("www-authenticate")).toBe(`Bearer realm="agenticore", resource_metadata="${metadata}"`);

  for (const path of [new URL(metadata).pathname, "/.well-known/oauth-protected-resource"])
    expect((await api.get(path)).body).toEqual({
      resource,
      authorization_servers: [issuer.issuer],
      scopes_supported: ["submit", "read", "cancel", "admin"],
      bearer_methods_supported: ["header"],
      resource_name: "Agenticore",
    });
  await using shut = await anApi();
  expect((await shut.get("/.well-known/oauth-protected-resource")).status).toBe(404);
});

/** Each says it is Ada's, and each is wrong in one way. */
const wrong: readonly (readonly [string, (issuer: Issuer) => Promise<string>, RegExp])[] = [
  ["has expired", ({ token }) => token({ claims: { exp: Math.floor(Date.now() / 1000) - 31 } }), /has expired/],
  ["never ends", ({ token }) => token({ claims: { exp: undefined } }), /its claim exp/],
  ["is not good yet", ({ token }) => token({ claims: { nbf: Math.floor(Date.now() / 1000) + 600 } }), /its claim nbf/],
  [
    "is for another resource",
    ({ token }) => token({ claims: { aud: "https://other.example/mcp" } }),
    /another resource/,
  ],
  [
    "is for one that only begins alike",
    ({ token }) => token({ claims: { aud: `${resource}.evil` } }),
    /another resource/,
  ],
  ["is for nobody", ({ token }) => token({ claims: { aud: undefined } }), /another resource|its claim aud/],
  ["is nobody's", ({ token }) => token({ claims: { sub: undefined } }), /its claim sub/],
  ["is of another issuer", ({ token }) => token({ claims: { iss: "https://evil.example" } }), /issuer is not one/],
  ["is of no issuer", ({ token }) => token({ claims: { iss: undefined } }), /issuer is not one/],
  ["has a key that nobody knows", async ({ token }) => token({ by: await aSigner("other") }), /no such key/],
  ["is signed by another under the known name", async ({ token }) => token({ by: await aSigner("one") }), /signature/],
  [
    "is not signed (alg none)",
    async ({ token }) => {
      const [, claims] = (await token()).split(".");
      return `${base64url.encode(JSON.stringify({ alg: "none", kid: "one" }))}.${claims}.`;
    },
    /not allowed/,
  ],
  [
    "is signed with the public key as a shared secret",
    async ({ state, issuer }) => {
      const [key] = state.keys;
      const claims = { iss: issuer, sub: "ada", aud: resource, scope: "submit read" };
      const signing = new SignJWT(claims).setProtectedHeader({ alg: "HS256", kid: "one" }).setExpirationTime("5m");
      return signing.sign(new TextEncoder().encode(JSON.stringify(key?.jwk)));
    },
    /not allowed/,
  ],
  [
    "was changed after it was signed",
    async ({ token }) => {
      const [head, , signature] = (await token()).split(".");
      const [, claims] = (await token({ claims: { scope: "admin" } })).split(".");
      return `${head}.${claims}.${signature}`;
    },
    /signature/,
  ],
  [
    "brings its own key",
    async ({ token }) => {
      const by = await aSigner("mine");
      return token({ by, header: { jwk: by.jwk, jku: "http://127.0.0.1:9/jwks" } });
    },
    /no such key/,
  ],
  ["is no JWT at all", async () => "e30.e30.e30", /issuer is not one|cannot be read/],
  ["has claims that are no JSON", async () => `e30.${base64url.encode("[")}.e30`, /cannot be read/],
];

test.each(wrong)("a token that %s is refused", async (_, make, says) => {
  await using issuer = await anIssuer(resource);
  await using api = await anApiFor([issuer]);
  const token = await make(issuer);
  const answer = await api.get("/jobs", as(token));

  expect(answer).toMatchObject({ status: 401, body: { code: "unauthorized", detail: expect.stringMatching(says) } });
  expect(answer.headers.get("www-authenticate")).toMatch(
    /^Bearer realm="agenticore", error="invalid_token", error_description="[^"]+", resource_metadata="[^"]+"$/,
  );
  expect(answer.text).not.toContain(token.split(".")[1]);
});

test("a token in the address or as an API key is none", async () => {
  await using issuer = await anIssuer(resource);
  await using api = await anApiFor([issuer]);
  const token = await issuer.token();

  for (const name of ["access_token", "token", "api_key", "key"])
    expect((await api.get(`/jobs?${name}=${token}`)).status).toBe(401);
  expect((await api.get("/jobs", { "x-api-key": token })).status).toBe(401);
});

test("a new key of the issuer is found when its first token comes, and one that was withdrawn ends", async () => {
  await using issuer = await anIssuer(resource);
  await using api = await anApiFor([issuer], { cooldownMs: 0 });
  const old = await issuer.token();
  expect((await api.get("/jobs", as(old))).status).toBe(200);
  issuer.state.keys = [await aSigner("two")];

  expect((await api.get("/jobs", as(await issuer.token()))).status).toBe(200);
  expect((await api.get("/jobs", as(old))).status).toBe(401);
});

test("tokens with keys that do not exist make nobody ask the issuer again and again", async () => {
  await using issuer = await anIssuer(resource);
  await using api = await anApiFor([issuer]);
  await api.get("/jobs", as(await issuer.token()));
  for (let n = 0; n < 20; n += 1)
    await api.get("/jobs", as(await issuer.token({ by: await aSigner(`no-${n}`, "ES256") })));

  expect(issuer.asked.filter((path) => path === "/jwks")).toHaveLength(1);
});

test("an issuer that is down is no refusal: 503, seldom asked, and found when it is back; keys work meanwhile", async () => {
  const clock = fakeClock({ now: Date.now() });
  await using issuer = await anIssuer(resource);
  await using api = await anApiFor([issuer], {}, { clock });
  const key = await savedKey(api.store);
  const token = await issuer.token({ claims: { exp: Math.floor(Date.now() / 1000) + 3_600 } });
  issuer.state.isDown = true;
  for (let n = 0; n < 5; n += 1) {
    const answer = await api.get("/jobs", as(token));
    expect(answer).toMatchObject({ status: 503, body: { detail: expect.stringContaining(issuer.issuer) } });
    expect(answer.headers.get("retry-after")).toBe("5");
  }
  expect(issuer.asked).toHaveLength(2);
  expect((await api.get("/jobs", key.as)).status).toBe(200);
  issuer.state.isDown = false;
  clock.advance(5_001);
  expect((await api.get("/jobs", as(token))).status).toBe(200);

  // What is known already needs nobody.
  issuer.state.isDown = true;
  expect((await api.get("/jobs", as(token))).status).toBe(200);
});

test("a stranger's token with a key that nobody knows keeps no good token out while the issuer is away", async () => {
  await using issuer = await anIssuer(resource);
  await using api = await anApiFor([issuer], { cooldownMs: 0 });
  const token = await issuer.token();
  expect((await api.get("/jobs", as(token))).status).toBe(200);
  issuer.state.isDown = true;
  const strange = await issuer.token({ by: await aSigner("of nobody") });
  expect((await api.get("/jobs", as(strange))).status).toBe(503);

  expect((await api.get("/jobs", as(token))).status).toBe(200);
  // That the issuer is away is no reason to believe a signature.
  const [head, claims] = token.split(".");
  expect((await api.get("/jobs", as(`${head}.${claims}.${strange.split(".")[2]}`))).status).toBe(401);
});

test("metadata in another issuer's name is not believed", async () => {
  await using issuer = await anIssuer(resource);
  await using api = await anApiFor([issuer]);
  issuer.state.claimed = "https://elsewhere.example";

  expect((await api.get("/jobs", as(await issuer.token()))).status).toBe(503);
  expect(issuer.asked).not.toContain("/jwks");
});

test("a server with issuers asks everybody, and must know what tokens are for", () => {
  const env = { AGENTICORE_OAUTH_ISSUERS: "https://login.example" };
  expect(() => apiSettings(aConfig(env), "127.0.0.1")).toThrow("AGENTICORE_OAUTH_RESOURCE is not");
  expect(() =>
    apiSettings(aConfig({ ...env, AGENTICORE_OAUTH_RESOURCE: "https://agents.example/other" }), "127.0.0.1"),
  ).toThrow("must be the address of this server or of its /mcp");
  const config = aConfig({ ...env, AGENTICORE_OAUTH_RESOURCE: resource });
  expect(apiSettings(config, "127.0.0.1")).toMatchObject({ loopbackOnly: false, oauth: { resource } });
  expect(() => checkBind(config, "0.0.0.0")).not.toThrow();
});

test("a scope of the issuer may stand for several of ours", () => {
  const env = { AGENTICORE_OAUTH_SCOPES: "write=submit+cancel, https://h/x?a=b=read" };

  expect(aConfig(env).oauthScopes).toEqual({ write: ["submit", "cancel"], "https://h/x?a=b": ["read"] });
});

test.each([
  { AGENTICORE_OAUTH_ISSUERS: "http://login.example" },
  { AGENTICORE_OAUTH_ISSUERS: "login.example" },
  { AGENTICORE_OAUTH_RESOURCE: "http://agents.example/mcp" },
  { AGENTICORE_OAUTH_SCOPES: "write" },
  { AGENTICORE_OAUTH_SCOPES: "write=everything" },
  { AGENTICORE_OAUTH_SCOPES: "=read" },
])("%j is told at the start", (env) => {
  expect(() => aConfig(env)).toThrow(/AGENTICORE_OAUTH_\w+: must be/);
});
