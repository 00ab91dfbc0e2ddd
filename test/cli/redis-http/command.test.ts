import { expect, test } from "vitest";
import { aCli } from "../../support/a-cli.ts";
import { startRedis } from "../../support/a-redis.ts";
import { eventually } from "../../support/eventually.ts";

const secret = "secret-of-the-only-token";

test("the command serves the Redis of REDIS_URL until it is told to end", async () => {
  await using server = await startRedis({ config: ["requirepass password-of-redis"] });
  const cli = aCli({
    env: {
      REDIS_URL: server.url,
      REDIS_TOKEN: "password-of-redis",
      AGENTICORE_REDIS_HTTP_TOKENS: `one:full:${secret}`,
      AGENTICORE_REDIS_HTTP_PORT: "0",
    },
  });
  const ran = cli.run("redis-http");
  const url = await eventually(() => /http:\/\/127\.0\.0\.1:\d+/.exec(cli.written.err)?.[0]);
  const headers = { authorization: `Bearer ${secret}` };
  const answer = await fetch(url, { method: "POST", headers, body: '["SET","a","1"]' });
  expect([answer.status, await answer.json()]).toEqual([200, { result: "OK" }]);
  const stream = await fetch(`${url}/subscribe/ch`, { headers });
  cli.signal("SIGTERM");
  expect(await stream.text()).toBe("data: subscribe,ch,1\n\n");
  const { code, out, err } = await ran;
  expect([code, out]).toEqual([0, ""]);
  expect(err).not.toContain(secret);
  expect(err).not.toContain("password-of-redis");
  await expect(fetch(url)).rejects.toThrow();
});

test.each([
  ["without a Redis", {}, [], "REDIS_URL is not set"],
  ["with a Redis over HTTP", { REDIS_URL: "https://redis.example" }, [], "needs no bridge"],
  ["on an open address without tokens", { REDIS_URL: "redis://127.0.0.1:1" }, ["--host", "0.0.0.0"], "loopback"],
] as const)("it does not start %s, and says why", async (...[, env, options, reason]) => {
  const { code, err } = await aCli({ env }).run("redis-http", "--port", "0", ...options);
  expect([code, err]).toEqual([1, expect.stringContaining(reason)]);
});

test("without tokens it serves this machine only, and no page of a browser", async () => {
  await using server = await startRedis();
  const cli = aCli({ env: { REDIS_URL: server.url } });
  const ran = cli.run("redis-http", "--port", "0");
  const url = await eventually(() => /http:\/\/127\.0\.0\.1:\d+/.exec(cli.written.err)?.[0]);
  expect(cli.written.err).toContain("AGENTICORE_REDIS_HTTP_TOKENS");
  const ask = async (headers: Record<string, string>) =>
    (await fetch(url, { method: "POST", headers, body: '["PING"]' })).status;
  expect(await ask({})).toBe(200);
  expect(await ask({ origin: url })).toBe(403);
  cli.signal("SIGINT");
  expect((await ran).code).toBe(0);
});
