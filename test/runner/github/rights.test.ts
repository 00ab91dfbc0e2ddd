import { describe, expect, test } from "vitest";
import { limitedUntil, waitBefore } from "../../../runner/github/patience.ts";
import { aCaller, never, withApp } from "./a-caller.ts";

const may = (caller: Awaited<ReturnType<typeof aCaller>>) => caller.github.mayPropose(caller.at, never());

describe("whether work could be pushed and proposed", () => {
  test("is so for somebody who may, and is not known without a token", async () => {
    await using caller = await aCaller();
    expect(await may(caller)).toBe(true);
    await using without = await aCaller({ env: () => ({}) });
    expect(await may(without)).toBe(false);
    expect(without.fake.seen).toEqual([]);
  });

  test("is refused where the repository is archived", async () => {
    await using caller = await aCaller();
    caller.repo.facts.isArchived = true;
    await expect(may(caller)).rejects.toMatchObject({
      code: "forbidden",
      message: expect.stringContaining("archived"),
    });
  });

  test("is refused to who may only read, to a stranger, and for a repository that is not there", async () => {
    await using caller = await aCaller({ env: (fake) => ({ GITHUB_TOKEN: fake.token({ login: "reader" }) }) });
    await expect(may(caller)).rejects.toMatchObject({
      code: "auth_failed",
      message: expect.stringContaining("no such repository"),
    });
    caller.repo.facts.people.set("reader", "pull");
    await expect(may(caller)).rejects.toMatchObject({
      code: "auth_failed",
      message: expect.stringContaining("not push"),
    });
    const gone = { ...caller.at, name: "gone" };
    await expect(caller.github.mayPropose(gone, never())).rejects.toMatchObject({ code: "auth_failed" });
  });

  test("is refused to a classic token without the scope, which is named", async () => {
    await using caller = await aCaller({ env: (fake) => ({ GITHUB_TOKEN: fake.token({ scopes: ["public_repo"] }) }) });
    caller.repo.facts.isPrivate = false;
    expect(await may(caller)).toBe(true);
    await using none = await aCaller({ env: (fake) => ({ GITHUB_TOKEN: fake.token({ scopes: ["gist"] }) }) });
    none.repo.facts.isPrivate = false;
    await expect(may(none)).rejects.toMatchObject({ code: "auth_failed" });
  });

  test("is refused to an App without the permission, which is named", async () => {
    await using caller = await aCaller({
      env: withApp(undefined, { permissions: { contents: "write", issues: "write" } }),
    });
    await expect(may(caller)).rejects.toMatchObject({
      code: "auth_failed",
      message: expect.stringContaining("pull_requests: write"),
      remedy: expect.stringContaining("App's settings"),
    });
  });
});

describe("a limit, or a GitHub that is down", () => {
  test("a short wait is waited out, and the request sent again", async () => {
    await using caller = await aCaller();
    const secondary = { message: "You have exceeded a secondary rate limit." };
    caller.fake.fail(/^GET/, { status: 403, headers: () => ({ "retry-after": "7" }), body: secondary });
    caller.fake.fail(/^GET/, { status: 503, times: 2 });
    expect(await may(caller)).toBe(true);
    expect(caller.clock.slept).toEqual([7_000, 1_000, 2_000]);
  });

  test("a long one is not: the error says until when, and to publish after that", async () => {
    await using caller = await aCaller();
    const reset = () => ({
      "x-ratelimit-remaining": "0",
      "x-ratelimit-reset": String(Math.floor(caller.fake.now() / 1000) + 1_800),
    });
    caller.fake.fail(/^POST .*pulls$/, { status: 403, headers: reset, body: { message: "API rate limit exceeded" } });
    await expect(caller.propose()).rejects.toMatchObject({
      code: "rate_limited",
      message: expect.stringMatching(/until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/),
      remedy: expect.stringContaining("agenticore publish"),
    });
    expect(caller.clock.slept).toEqual([]);
  });

  test("who is down for good is asked four times more, and then told of", async () => {
    await using caller = await aCaller();
    caller.fake.fail(/^POST .*pulls$/, { status: 502, times: 99, body: "<html>" });
    await expect(caller.propose()).rejects.toMatchObject({
      code: "pr_failed",
      message: expect.stringContaining("is down"),
    });
    expect(caller.clock.slept).toEqual([500, 1_000, 2_000, 4_000]);
  });

  test("a cancel is heard while it waits", async () => {
    await using caller = await aCaller();
    caller.fake.fail(/^GET/, { status: 503, times: 99 });
    const stop = new AbortController();
    const asked = caller.github.propose(caller.proposal(), { prove: async () => undefined, signal: stop.signal });
    stop.abort(new Error("cancelled"));
    await expect(asked).rejects.toThrow("cancelled");
  });

  test("other refusals are final", () => {
    const refusal = { status: 403, message: "Resource not accessible by integration" };
    expect(waitBefore(refusal, { tries: 0, nowMs: 0 })).toBeUndefined();
    expect(waitBefore({ status: 422, message: "" }, { tries: 0, nowMs: 0 })).toBeUndefined();
    expect(limitedUntil({ status: 403, message: "You have exceeded a secondary rate limit" }, 5)).toBe(60_005);
    expect(limitedUntil({ status: 429, message: "" }, 5)).toBe(60_005);
  });
});
