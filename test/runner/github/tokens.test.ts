import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { githubRepository } from "../../../runner/github/repository.ts";
import { parseRepoUrl } from "../../../shared/repo-url.ts";
import { aGithub } from "../../support/a-github.ts";
import type { FakeApp, FakeGithub } from "../../support/github/start-github.ts";
import { scratch } from "../../support/sample-repo.ts";
import { aCaller, type Caller, hastyClock, never, withApp } from "./a-caller.ts";

const minute = 60_000;
const login = async ({ github, fake }: Caller, name = "acme/widget") =>
  (await github.login(parseRepoUrl(fake.url(name))))?.password ?? "";
/** Whether the stand-in still takes it. */
const isTaken = async ({ fake }: Caller, token: string) =>
  (await fetch(`${fake.apiUrl}/repos/acme/widget`, { headers: { authorization: `token ${token}` } })).status === 200;

describe("the token of a GitHub App", () => {
  test("is for the one repository, with no more rights than are needed", async () => {
    await using caller = await aCaller({
      env: withApp(undefined, {
        permissions: { contents: "write", pull_requests: "write", issues: "write", actions: "write" },
      }),
    });
    caller.fake.repo("acme/other");
    expect(await login(caller)).toMatch(/^ghs_/);
    expect(caller.fake.minted).toMatchObject([
      { repositories: ["widget"], permissions: { contents: "write", pull_requests: "write" } },
    ]);
    expect(Object.keys(caller.fake.minted[0]?.permissions ?? {})).toHaveLength(2);
    await caller.propose();
    expect(caller.fake.minted).toHaveLength(1);
  });

  test("may change workflows only where the App was given that, and issues only for labels", async () => {
    const permissions = { contents: "write", pull_requests: "write", issues: "write", workflows: "write" } as const;
    await using caller = await aCaller({ env: withApp(undefined, { permissions }) });
    await caller.propose({ how: { ...caller.proposal().how, labels: ["bot"] } });
    expect(caller.fake.minted).toMatchObject([{ permissions }]);
    await login(caller);
    expect(caller.fake.minted[1]?.permissions).not.toHaveProperty("issues");
  });

  test("is kept until five minutes before it is over, and made once for all who ask", async () => {
    await using caller = await aCaller({ env: withApp() });
    const first = await Promise.all([login(caller), login(caller), login(caller)]);
    expect(new Set(first).size).toBe(1);
    caller.advance(54 * minute);
    expect(await login(caller)).toBe(first[0]);
    caller.advance(2 * minute);
    const next = await login(caller);
    expect(next).not.toBe(first[0]);
    caller.advance(5 * minute);
    expect([await isTaken(caller, String(first[0])), await isTaken(caller, next)]).toEqual([false, true]);
    expect(caller.fake.minted).toHaveLength(2);
  });

  test("is made anew where GitHub does not take it any more", async () => {
    await using caller = await aCaller({ env: withApp() });
    caller.fake.revoke(await login(caller));
    expect(await caller.propose()).toMatchObject({ how: "opened" });
    expect(caller.fake.minted).toHaveLength(2);
    const shown = await caller.github.login(parseRepoUrl(caller.fake.url("acme/widget")));
    caller.fake.revoke(shown?.password ?? "");
    expect(await shown?.another?.()).toMatchObject({ password: expect.not.stringMatching(String(shown?.password)) });
  });

  test("is got although this machine's clock is ten minutes off", async () => {
    await using caller = await aCaller({ env: withApp() });
    caller.fake.advance(-10 * minute);
    expect(await login(caller)).toMatch(/^ghs_/);
    caller.clock.advance(54 * minute);
    expect(await login(caller)).toBe(caller.fake.minted[0]?.token);
  });

  test("is hidden in whatever leaves the runner, as long as it may be good", async () => {
    await using caller = await aCaller({ env: withApp() });
    const token = await login(caller);
    expect(caller.github.hide(`x ${token} y ${token}`)).toBe("x [redacted] y [redacted]");
    caller.advance(80 * minute);
    expect(caller.github.hide(token)).toBe(token);
  });

  test("comes from the installation that is named, and from a key in base64, with written line feeds, or in a file", async () => {
    using folder = scratch();
    let app: FakeApp | undefined;
    await using caller = await aCaller({ env: withApp((made) => (app = made)) });
    const { key = "", facts } = app ?? {};
    const file = join(folder.path, "app.pem");
    writeFileSync(file, key);
    const keys = [
      { GITHUB_APP_PRIVATE_KEY: Buffer.from(key).toString("base64") },
      { GITHUB_APP_PRIVATE_KEY: key.replaceAll("\n", "\\n") },
      { GITHUB_APP_PRIVATE_KEY_PATH: file, GITHUB_APP_INSTALLATION_ID: String(facts?.installationId) },
    ];
    for (const env of keys) {
      const github = aGithub(
        { GITHUB_API_URL: caller.fake.apiUrl, GITHUB_APP_ID: String(facts?.id), ...env },
        hastyClock(),
      );
      expect(await github.login(parseRepoUrl(caller.fake.url("acme/widget")))).toMatchObject({ password: /^ghs_/ });
    }
  });
});

describe("without an App's token", () => {
  test("GITHUB_TOKEN is used where the App is not installed, and else nothing is shown to anybody", async () => {
    const both = (fake: FakeGithub) => ({
      ...withApp(undefined, { owner: "other" })(fake),
      GITHUB_TOKEN: fake.token(),
    });
    await using caller = await aCaller({ env: both });
    expect(await login(caller)).toMatch(/^ghp_/);
    await using without = await aCaller({ env: withApp(undefined, { repositories: ["another"] }) });
    expect(await login(without)).toBe("");
    await expect(without.github.mayPropose(without.at, never())).rejects.toMatchObject({
      code: "auth_failed",
      message: expect.stringContaining("is not installed for acme/widget"),
      remedy: expect.stringContaining("Install it"),
    });
  });

  test.each([
    ["no key", {}, "GITHUB_APP_PRIVATE_KEY"],
    ["no key in the variable", { GITHUB_APP_PRIVATE_KEY: "c2VjcmV0LXRoaW5n" }, "PEM"],
    ["no such file", { GITHUB_APP_PRIVATE_KEY_PATH: "/nowhere/app.pem" }, "GITHUB_APP_PRIVATE_KEY_PATH"],
  ])("a key that cannot be used is told, and not what is in it: %s", async (_, env, remedy) => {
    await using caller = await aCaller({ env: () => ({ GITHUB_APP_ID: "7", ...env }) });
    const error = await login(caller).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "auth_failed", remedy: expect.stringContaining(remedy) });
    expect(JSON.stringify([error, String(error), (error as Error).cause])).not.toMatch(/c2Vjcm|secret-thing/);
  });

  test("an App that is suspended, or whose key is another's, gets none, and the reason is told", async () => {
    let app: FakeApp | undefined;
    await using caller = await aCaller({ env: withApp((made) => (app = made)) });
    if (app) app.facts.suspendedAt = "2026-01-01T00:00:00Z";
    await expect(login(caller)).rejects.toMatchObject({
      code: "auth_failed",
      message: expect.stringContaining("suspended"),
    });
    const other = caller.fake.app().key;
    const env = { GITHUB_APP_ID: String(app?.facts.id), GITHUB_APP_PRIVATE_KEY: other };
    const github = aGithub({ GITHUB_API_URL: caller.fake.apiUrl, ...env }, hastyClock());
    const refused = github.login(parseRepoUrl(caller.fake.url("acme/widget")));
    await expect(refused).rejects.toMatchObject({
      code: "auth_failed",
      message: expect.stringContaining("credentials"),
    });
  });
});

describe("what gh gets", () => {
  test("reads and talks, for the whole hour that a token lives, and cannot push", async () => {
    await using caller = await aCaller({ env: withApp() });
    const token = (await caller.github.ghVariables(caller.at))?.["GH_ENTERPRISE_TOKEN"] ?? "";
    expect(caller.fake.minted.at(-1)).toEqual({
      token,
      repositories: ["widget"],
      permissions: { contents: "read", pull_requests: "write", issues: "write" },
    });
    caller.advance(6 * minute);
    expect((await caller.github.ghVariables(caller.at))?.["GH_ENTERPRISE_TOKEN"]).not.toBe(token);
  });
});

describe("whose repository an address is", () => {
  test.each([
    ["https://github.com/acme/widget", "https://api.github.com", "https://github.com/acme/widget"],
    ["git@github.com:acme/next.js.git", "https://api.github.com", "https://github.com/acme/next.js"],
    [
      "https://github.com/somebody/somebody.github.io/",
      "https://api.github.com",
      "https://github.com/somebody/somebody.github.io",
    ],
    ["https://git.acme.example/acme/widget", "https://git.acme.example/api/v3", "https://git.acme.example/acme/widget"],
    ["git@git.acme.example:acme/widget", "https://git.acme.example/api/v3", "https://git.acme.example/acme/widget"],
    ["https://acme.ghe.com/acme/widget", "https://api.acme.ghe.com", "https://acme.ghe.com/acme/widget"],
    ["http://127.0.0.1:8080/acme/widget", "http://127.0.0.1:8080", "http://127.0.0.1:8080/acme/widget"],
    ["https://github.com/acme/widget", "https://proxy.acme.example", "https://github.com/acme/widget"],
  ])("W-55: %s with %s is GitHub's", (url, api, page) => {
    expect(githubRepository(parseRepoUrl(url), api)?.page).toBe(page);
  });

  test.each([
    ["https://gitlab.com/acme/widget", "https://api.github.com"],
    ["https://api.github.com/acme/widget", "https://api.github.com"],
    ["https://github.com.evil.example/acme/widget", "https://api.github.com"],
    ["https://github.com:8443/acme/widget", "https://api.github.com"],
    ["https://github.com/acme/widget", "https://git.acme.example/api/v3"],
    ["http://127.0.0.1:8081/acme/widget", "http://127.0.0.1:8080"],
    ["https://github.com/acme", "https://api.github.com"],
    ["https://github.com/acme/widget/tree", "https://api.github.com"],
    ["/srv/git/github.com", "https://api.github.com"],
  ])("no token is shown to %s with %s", async (url, api) => {
    const address = parseRepoUrl(url);
    expect(githubRepository(address, api)).toBeUndefined();
    expect(await aGithub({ GITHUB_API_URL: api, GITHUB_TOKEN: "ghp_something" }).login(address)).toBeUndefined();
  });
});
