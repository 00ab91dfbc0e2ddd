import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aBridgedRedis, type BridgedRedis } from "../../support/a-bridged-redis.ts";

describe("the REST protocol", () => {
  let world: BridgedRedis;
  beforeAll(async () => {
    world = await aBridgedRedis({ limits: { bodyBytes: 100_000, commands: 5 } });
  });
  afterAll(() => world[Symbol.asyncDispose]());
  const ask: BridgedRedis["ask"] = (...request) => world.ask(...request);
  const run = async (...command: readonly unknown[]) => (await ask("/", { body: command })).json;

  test("integers are written in all their digits, and numbers reach Redis in those that were sent", async () => {
    await ask("/", { body: '["SET","big",9007199254740993]' });
    expect((await ask("/", { body: ["INCR", "big"] })).text).toBe('{"result":9007199254740994}');
    await ask("/pipeline", { body: '[["SET","float",0.10],["SET","huge",123456789012345678901234567890]]' });
    expect(await run("MGET", "float", "huge")).toEqual({ result: ["0.10", "123456789012345678901234567890"] });
  });

  test("base64 is of the bytes, keeps the status OK, and is asked for by its header", async () => {
    const headers = { "upstash-encoding": "base64" };
    await run("SETBIT", "bytes", 0, 1);
    expect((await ask("/", { body: ["GET", "bytes"], headers })).json).toEqual({ result: "gA==" });
    expect((await ask("/", { body: ["GET", "bytes"] })).json).toEqual({ result: "\ufffd" });
    expect((await ask("/", { body: ["SET", "a", "OK"], headers })).json).toEqual({ result: "OK" });
    expect((await ask("/pipeline", { body: [["MGET", "a", "none"], ["NONE"]], headers })).json).toEqual([
      { result: ["T0s=", null] },
      { error: expect.stringContaining("ERR unknown command") },
    ]);
  });

  test("RESP2 comes as bytes, but for transactions and errors", async () => {
    const headers = { "upstash-response-format": "resp2" };
    const set = await ask("/", { body: ["SET", "r", "bar"], headers });
    expect([set.text, set.headers.get("content-type")]).toEqual(["+OK\r\n", "application/octet-stream"]);
    const several = [
      ["GET", "r"],
      ["GET", "none"],
      ["STRLEN", "r"],
      ["MGET", "r", "none"],
      ["INCR", "r"],
    ];
    expect((await ask("/pipeline", { body: several, headers })).text).toBe(
      "$3\r\nbar\r\n$-1\r\n:3\r\n*2\r\n$3\r\nbar\r\n$-1\r\n-ERR value is not an integer or out of range\r\n",
    );
    expect((await ask("/multi-exec", { body: [["GET", "r"]], headers })).json).toEqual([{ result: "bar" }]);
    expect(await ask("/", { body: ["INCR", "r"], headers })).toMatchObject({
      status: 400,
      json: { error: "ERR value is not an integer or out of range" },
    });
    const both = { ...headers, "upstash-encoding": "base64" };
    expect(await ask("/", { body: ["PING"], headers: both })).toMatchObject({ status: 400 });
    const other = { "upstash-response-format": "xml" };
    expect(await ask("/", { body: ["PING"], headers: other })).toMatchObject({ status: 400 });
  });

  test("a sync token is given and taken", async () => {
    const first = await ask("/", { body: ["PING"] });
    const token = first.headers.get("upstash-sync-token") ?? "";
    expect(token).not.toBe("");
    const headers = { "upstash-sync-token": token };
    expect(await ask("/", { body: ["PING"], headers })).toMatchObject({ status: 200, json: { result: "PONG" } });
  });

  test("a transaction with a command that Redis does not queue changes nothing", async () => {
    expect(
      await ask("/multi-exec", {
        body: [
          ["SET", "tx", "1"],
          ["SET", "tx"],
        ],
      }),
    ).toMatchObject({
      status: 400,
      json: { error: expect.stringMatching(/^EXECABORT .*wrong number of arguments for 'set'/) },
    });
    expect(
      await ask("/multi-exec", {
        body: [
          ["SET", "tx", "1"],
          ["BLPOP", "q", "0"],
        ],
      }),
    ).toMatchObject({ status: 400 });
    expect(await run("EXISTS", "tx")).toEqual({ result: 0 });
  });

  test("transactions of many at once do not mix", async () => {
    const transactions = Array.from({ length: 60 }, (_, n) =>
      ask("/multi-exec", {
        body: [
          ["SET", "who", n],
          ["INCR", "count"],
          ["GET", "who"],
        ],
      }),
    );
    const between = Array.from({ length: 60 }, () => ask("/", { body: ["SET", "who", "somebody"] }));
    const [answers] = await Promise.all([Promise.all(transactions), Promise.all(between)]);
    expect(answers.map(({ json }) => (json as { result: unknown }[])[2]?.result)).toEqual(
      answers.map((_, n) => String(n)),
    );
    expect(await run("GET", "count")).toEqual({ result: "60" });
  });

  test.each([
    ["no token", 401, { path: "/", token: "" }],
    ["a wrong token", 401, { path: "/", token: "secret-of-nobody-at-all" }],
    ["a token in the address", 401, { path: "/?_token=secret-of-the-whole-bridge", token: "" }],
    ["another method", 405, { path: "/", method: "DELETE" }],
    ["reading a path that is written to", 405, { path: "/pipeline", method: "GET" }],
    ["another method for a subscription", 405, { path: "/subscribe/x", method: "PUT" }],
    ["a command in the path", 404, { path: "/get/a", method: "GET" }],
    ["a page of another origin", 403, { path: "/", body: ["PING"], headers: { origin: "https://example.org" } }],
    ["no JSON", 400, { path: "/", body: "PING" }],
    ["no list", 400, { path: "/", body: { PING: 1 } }],
    ["an empty list", 400, { path: "/", body: [] }],
    ["a pipeline as a command", 400, { path: "/", body: [["PING"]] }],
    ["a command as a pipeline", 400, { path: "/pipeline", body: ["PING"] }],
    ["an empty pipeline", 400, { path: "/pipeline", body: [] }],
    ["an argument that is no text", 400, { path: "/", body: ["SET", "a", null] }],
    ["an argument that is a list", 400, { path: "/", body: ["SET", "a", ["b"]] }],
    ["too many commands", 413, { path: "/pipeline", body: Array(6).fill(["PING"]) }],
    ["a body that is too large", 413, { path: "/", body: ["SET", "a", "x".repeat(1_000_000)] }],
  ])("%s is refused in JSON", async (_, status, { path, ...request }) => {
    const answer = await ask(path, request);
    expect(answer).toMatchObject({ status, json: { error: expect.any(String) } });
  });

  test.each([
    ...["BLPOP q 0", "brpop q 0", "BLMOVE a b LEFT LEFT 0", "BZPOPMIN z 0", "BLMPOP 0 1 q LEFT", "WAIT 1 0"],
    ...["XREAD BLOCK 0 STREAMS s $", "XREAD COUNT 1 block 0 STREAMS s $"],
    ...["XREADGROUP GROUP streams me BLOCK 0 STREAMS s >", "SUBSCRIBE a", "PSUBSCRIBE a", "MONITOR", "SYNC"],
    ...["MULTI", "EXEC", "WATCH a", "DISCARD", "AUTH x", "HELLO 3", "RESET", "QUIT", "SELECT 1", "CLIENT KILL x"],
    ...["CLIENT REPLY OFF", "SHUTDOWN", "DEBUG SLEEP 1", "CONFIG SET dir /tmp", "CONFIG RESETSTAT", "ACL SETUSER x"],
    ...["REPLICAOF a 1", "MODULE LOAD x", "SCRIPT KILL", "FUNCTION KILL", "MIGRATE a 1 k 0 1", "SAVE"],
  ])("%s is not taken", async (line) => {
    const command = line.split(" ");
    const refusal = { error: expect.stringMatching(new RegExp(`^ERR ${command[0]} `, "i")) };
    expect(await ask("/", { body: command })).toMatchObject({ status: 400, json: refusal });
    const among = await ask("/pipeline", { body: [["ECHO", "1"], command, ["ECHO", "2"]] });
    expect(among.json).toEqual([{ result: "1" }, refusal, { result: "2" }]);
  });

  test("a key or group may be called as an option", async () => {
    await run("XGROUP", "CREATE", "BLOCK", "BLOCK", "0", "MKSTREAM");
    await run("XADD", "BLOCK", "1-0", "a", "b");
    expect(await run("XREAD", "STREAMS", "BLOCK", "0")).toEqual({ result: [["BLOCK", [["1-0", ["a", "b"]]]]] });
    expect(await run("XREADGROUP", "GROUP", "BLOCK", "me", "STREAMS", "BLOCK", ">")).toEqual({
      result: [["BLOCK", [["1-0", ["a", "b"]]]]],
    });
  });

  test("a body of unknown length is taken, up to the limit", async () => {
    const send = async (text: string) => {
      const { url, token } = world.bridge;
      const body = new Blob([text]).stream();
      const headers = { authorization: `Bearer ${token}` };
      const answer = await fetch(url, { method: "POST", body, duplex: "half", headers } as RequestInit);
      return [answer.status, await answer.json()];
    };
    expect(await send('["ECHO","in pieces"]')).toEqual([200, { result: "in pieces" }]);
    expect(await send(JSON.stringify(["ECHO", "x".repeat(300_000)]))).toEqual([
      413,
      { error: expect.stringContaining("100000 bytes") },
    ]);
  });

  test("health is for everybody and says nothing of Redis but that it answers", async () => {
    const health = await ask("/health", { method: "GET", token: "" });
    expect(health).toMatchObject({ status: 200, json: { status: "ok", service: "agenticore redis-http" } });
  });
});

test("more requests at once than it takes are sent away, and may come again", async () => {
  await using world = await aBridgedRedis({ limits: { requests: 2, timeoutMs: 5_000 } });
  await world.client.ping();
  world.server.freeze();
  const answers = [1, 2, 3].map(() => world.ask("/pipeline", { body: [["PING"]] }));
  const refused = await Promise.race(answers);
  expect(refused).toMatchObject({ status: 429, json: { error: "ERR too many requests at once" } });
  expect(refused.headers.get("retry-after")).toBe("1");
  world.server.thaw();
  expect((await Promise.all(answers)).map(({ status }) => status).sort()).toEqual([200, 200, 429]);
  expect(await world.ask("/", { body: ["PING"] })).toMatchObject({ status: 200 });
});
