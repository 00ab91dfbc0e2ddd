import { expect, test } from "vitest";
import { aConnection, aServedApi } from "../support/a-served-api.ts";

const body = '{"task":"Add a test"}';
/** Lines of a request's head, as they go over the wire. */
const head = (port: number, ...lines: readonly string[]) =>
  [`POST /jobs HTTP/1.1`, `Host: 127.0.0.1:${port}`, "Content-Type: application/json", ...lines, "", ""].join("\r\n");

test.each([
  ["a bare line feed in a header", ["Idempotency-Key: a\nX-Api-Key: b"]],
  ["a bare carriage return in a header", ["Idempotency-Key: a\rX-Api-Key: b"]],
  ["a zero byte in a header", ["Idempotency-Key: a\u0000b"]],
  ["a header without a name", [": x"]],
  ["a space before the colon", ["X-Api-Key : x"]],
  ["a length and chunks at once (smuggling)", ["Content-Length: 5", "Transfer-Encoding: chunked"]],
  ["two lengths", [`Content-Length: ${body.length}`, "Content-Length: 1"]],
  ["a length below nothing", ["Content-Length: -1"]],
  ["chunks twice", ["Transfer-Encoding: chunked, identity"]],
  ["100 KB of headers", [`X-Long: ${"x".repeat(100_000)}`]],
])("%s is refused before anything of ours sees it, and nothing is stored", async (_, lines) => {
  await using served = await aServedApi();
  using line = await aConnection(served.api.port);
  const length = lines.some((each) => /length|encoding/i.test(each)) ? [] : [`Content-Length: ${body.length}`];
  const { status, head: answered } = await line.send(head(served.api.port, ...length, ...lines) + body);

  expect([400, 431, 501]).toContain(status);
  expect(answered).not.toMatch(/x-api-key/i);
  expect((await served.store.list({ limit: 1 })).jobs).toEqual([]);
});

test.each([
  ["a key that is good beside another", 401, ["Authorization: Bearer the-good-key", "Authorization: Bearer another"]],
  ["a key twice", 401, ["X-API-Key: the-good-key", "X-API-Key: the-good-key"]],
  ["what the body is", 415, ["X-API-Key: the-good-key", "Content-Type: text/plain"]],
  ["a host", 400, ["X-API-Key: the-good-key", "Host: 127.0.0.1"]],
  ["nothing", 202, ["Authorization: Bearer the-good-key"]],
])("of two fields of one name none is taken for the only one: %s", async (_, wanted, lines) => {
  await using served = await aServedApi({ AGENTICORE_API_KEYS: "the-good-key" });
  using line = await aConnection(served.api.port);
  const { status } = await line.send(head(served.api.port, `Content-Length: ${body.length}`, ...lines) + body);

  expect(status).toBe(wanted);
  expect((await served.store.list({ limit: 1 })).jobs).toHaveLength(wanted === 202 ? 1 : 0);
});

test.each([
  ["/jobs/a%0d%0aSet-Cookie:%20a=b", {}],
  ["/%0d%0aSet-Cookie:%20a=b", {}],
  ["/jobs?cursor=a%0d%0aSet-Cookie:%20a=b", {}],
  ["/jobs", { "x-request-id": "a; Set-Cookie: a=b" }],
  ["/jobs", { "x-request-id": "x".repeat(300) }],
  ["/jobs", { origin: "https://evil.example, Set-Cookie: a=b" }],
] as const)("nothing that was sent makes a header of the answer: %s %j", async (path, headers) => {
  await using served = await aServedApi();
  const response = await fetch(`${served.url}${path}`, { headers });
  await response.body?.cancel();

  expect(response.headers.get("set-cookie")).toBeNull();
  for (const [name, value] of response.headers) expect([name, /set-cookie|x{300}/i.test(value)]).toEqual([name, false]);
});
