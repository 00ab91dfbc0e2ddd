import { afterAll, beforeAll, expect, test } from "vitest";
import type { Check } from "../../cli/doctor/check.ts";
import { checkGithub, checkRepo } from "../../cli/doctor/github.ts";
import { aCli } from "../support/a-cli.ts";
import { configOf } from "../support/a-github.ts";
import { type FakeGithub, startGithub } from "../support/github/start-github.ts";

let github: FakeGithub;
beforeAll(async () => {
  github = await startGithub();
  github.repo("acme/widget");
});
afterAll(() => github[Symbol.asyncDispose]());

const examine = async (env: Readonly<Record<string, string>>): Promise<Check | undefined> =>
  (await checkGithub(aCli().context, configOf({ GITHUB_API_URL: github.apiUrl, ...env })))[0];
const examineRepo = (env: Readonly<Record<string, string>>, url = github.url("acme/widget")): Promise<Check> =>
  checkRepo(aCli().context, configOf({ GITHUB_API_URL: github.apiUrl, ...env }), url);

test("doctor says nothing of GitHub where nothing is configured for it", async () => {
  expect(await examine({})).toBeUndefined();
});

test("doctor asks GitHub about the token, and says how to mend what is wrong with it", async () => {
  expect(await examine({ GITHUB_TOKEN: github.token() })).toMatchObject({ state: "ok", says: "token of worker" });
  expect(await examine({ GITHUB_TOKEN: "ghp_wrong" })).toMatchObject({
    state: "broken",
    says: expect.stringContaining("401"),
    mend: expect.stringContaining("Contents"),
  });
  expect(await examine({ GITHUB_TOKEN: github.token({ scopes: ["read:org"] }) })).toMatchObject({
    state: "warn",
    says: expect.stringContaining("`repo`"),
  });
  expect(await examine({ GITHUB_TOKEN: github.token({ permissions: { contents: "write" } }) })).toMatchObject({
    state: "ok",
    says: expect.stringContaining("--repo"),
  });
  expect(await examine({ GITHUB_TOKEN: "ghs_of-an-installation" })).toMatchObject({
    state: "warn",
    mend: expect.stringContaining("GITHUB_APP_ID"),
  });
});

test("doctor warns of a token that is nearly over", async () => {
  const soon = new Date(Date.now() + 3.5 * 86_400_000).toISOString().replace("T", " ").replace(/\..*/, " UTC");
  const headers = () => ({ "github-authentication-token-expiration": soon });
  github.fail(/^GET \/user$/, { status: 200, headers, body: { login: "worker" } });
  expect(await examine({ GITHUB_TOKEN: github.token() })).toMatchObject({
    state: "warn",
    says: "token of worker, which is over in 3 days.",
  });
});

test("doctor says where the App is installed, and which right it has not", async () => {
  expect(await examine(github.app().env)).toMatchObject({
    state: "ok",
    says: "App Agenticore Test, installed at acme",
  });
  const app = github.app({ permissions: { contents: "write" } });
  expect(await examine(app.env)).toMatchObject({ state: "broken", says: expect.stringContaining("pull_requests") });
  const suspended = github.app();
  suspended.facts.suspendedAt = "2026-01-01T00:00:00Z";
  expect(await examine(suspended.env)).toMatchObject({ state: "warn", says: expect.stringContaining("at acme") });
  const elsewhere = { ...github.app().env, GITHUB_APP_INSTALLATION_ID: "1" };
  expect(await examine(elsewhere)).toMatchObject({ state: "broken", says: expect.stringContaining("not installed") });
});

test("doctor tells of an App that GitHub does not know, and of a key that is none", async () => {
  const strange = { ...github.app().env, GITHUB_APP_ID: "7" };
  expect(await examine(strange)).toMatchObject({ state: "broken", mend: expect.stringContaining("GITHUB_APP_ID") });
  const none = { GITHUB_APP_ID: "7", GITHUB_APP_PRIVATE_KEY: "none" };
  expect(await examine(none)).toMatchObject({ state: "broken", mend: expect.stringContaining("PEM") });
});

test("doctor warns where GitHub cannot be reached: the network may be back when a job runs", async () => {
  const env = { GITHUB_TOKEN: github.token(), GITHUB_API_URL: "http://127.0.0.1:9" };
  expect(await examine(env)).toMatchObject({ state: "warn", mend: expect.stringContaining("GITHUB_API_URL") });
});

test("doctor --repo says whether work there could be pushed", async () => {
  const GITHUB_TOKEN = github.token();
  expect(await examineRepo({ GITHUB_TOKEN })).toMatchObject({ state: "ok" });
  expect(await examineRepo({})).toMatchObject({ state: "warn", mend: expect.stringContaining("GITHUB_TOKEN") });
  expect(await examineRepo({ GITHUB_TOKEN: github.token({ login: "stranger" }) })).toMatchObject({ state: "broken" });
  expect(await examineRepo({ GITHUB_TOKEN }, "https://gitlab.com/a/b")).toMatchObject({ state: "warn" });
  expect(await examineRepo({ GITHUB_TOKEN }, "not an address")).toMatchObject({ state: "broken" });
  const { out } = await aCli({ env: { GITHUB_API_URL: github.apiUrl, GITHUB_TOKEN } }).run(
    ...["doctor", "--json", "--repo", github.url("acme/widget")],
  );
  const { checks } = JSON.parse(out) as { checks: Check[] };
  expect(checks.filter(({ name }) => /github|repository$/.test(name)).map(({ state }) => state)).toEqual(["ok", "ok"]);
});
