import { once } from "node:events";
import { request } from "node:http";
import { expect, test } from "vitest";
import { startBroker } from "../../../runner/broker/broker.ts";
import { modelAccess } from "../../../runner/broker/model-access.ts";
import { anUpstream } from "./an-upstream.ts";

const realKey = "sk-ant-the-real-key-of-this-test";

async function aBroker(variables: Readonly<Record<string, string>> = {}) {
  const upstream = await anUpstream();
  const broker = await startBroker({});
  const lease = new AbortController();
  const state = { holds: true };
  const named = { ANTHROPIC_BASE_URL: upstream.url, ANTHROPIC_API_KEY: realKey, ...variables };
  const access = modelAccess(named, { keyBroker: true });
  if (!access) throw new Error("no access");
  const place = broker.open({ access, signal: lease.signal, holds: () => state.holds });
  const post = (path: string, more: RequestInit = {}, key = place.placeholder) =>
    fetch(`${place.url}${path}`, { method: "POST", headers: { "x-api-key": key }, body: '{"a":1}', ...more });
  return {
    ...{ upstream, broker, lease, state, place, post },
    [Symbol.asyncDispose]: async () => {
      await broker[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}
type Sent = Readonly<Record<string, unknown>>;

test("the service gets the real key, the body and the beta headers; the job knows a placeholder only", async () => {
  await using at = await aBroker();
  const headers = { "x-api-key": at.place.placeholder, "anthropic-beta": "one,two", "anthropic-version": "2023-06-01" };
  const answer = await at.post("/v1/messages?beta=true", { headers });
  expect(answer.status).toBe(200);
  expect(at.place.placeholder).not.toContain(realKey);
  const [asked] = at.upstream.asked;
  expect(asked).toMatchObject({ method: "POST", url: "/v1/messages?beta=true", body: '{"a":1}' });
  expect(asked?.headers).toMatchObject({
    "x-api-key": realKey,
    "anthropic-beta": "one,two",
    "anthropic-version": "2023-06-01",
  });
  expect(JSON.stringify(asked)).not.toContain(at.place.placeholder);
});

test("W-81: a token goes as a token, behind a gateway's own path and with its headers", async () => {
  await using upstream = await anUpstream();
  await using at = await aBroker({
    ANTHROPIC_BASE_URL: `${upstream.url}/team/`,
    ANTHROPIC_API_KEY: "",
    ANTHROPIC_AUTH_TOKEN: realKey,
    ANTHROPIC_CUSTOM_HEADERS: "X-Gateway: secret of the gateway\nnot a header",
  });
  const headers = { authorization: `Bearer ${at.place.placeholder}` };
  expect((await at.post("/v1/messages/count_tokens", { headers })).status).toBe(200);
  expect(upstream.asked).toMatchObject([
    {
      url: "/team/v1/messages/count_tokens",
      headers: { authorization: `Bearer ${realKey}`, "x-gateway": "secret of the gateway" },
    },
  ]);
});

test.for([
  "/v1/models",
  "/v1/files",
  "/v1/messages/batches",
  "/v1/messages/../files",
  "//v1/messages",
  "/v1/messages?beta=true&x=1",
  "/v1/messages%2e",
])("nothing but the Messages API is asked for: %s", async (path) => {
  await using at = await aBroker();
  const out = request(at.place.url, { path, method: "POST", headers: { "x-api-key": at.place.placeholder } });
  out.end("{}");
  const [answer] = await once(out, "response");
  expect(answer.statusCode).toBe(404);
  answer.destroy();
  expect((await at.post("/v1/messages", { method: "PUT" })).status).toBe(404);
  expect(at.upstream.asked).toEqual([]);
});

test("a placeholder is good for one job while that holds its lease, and for nobody after it", async () => {
  await using at = await aBroker();
  for (const key of ["", "another", realKey]) expect((await at.post("/v1/messages", {}, key)).status).toBe(401);
  at.state.holds = false;
  expect((await at.post("/v1/messages")).status).toBe(401);
  at.state.holds = true;
  expect((await at.post("/v1/messages")).status).toBe(200);
  at.place[Symbol.dispose]();
  const refused = await at.post("/v1/messages");
  expect([refused.status, ((await refused.json()) as { error: Sent }).error["type"]]).toEqual([
    401,
    "authentication_error",
  ]);
  expect(at.upstream.asked).toHaveLength(1);
});

test("a stream reaches the job event by event", async () => {
  await using at = await aBroker();
  const sent = Promise.withResolvers<(text: string) => void>();
  at.upstream.state.answer = (_, out) => {
    out.writeHead(200, { "content-type": "text/event-stream", "request-id": "r1", "set-cookie": "a=b" });
    out.write("data: 1\n\n");
    sent.resolve((text) => void out.end(text));
  };
  const answer = await at.post("/v1/messages");
  expect([answer.headers.get("request-id"), answer.headers.get("set-cookie")]).toEqual(["r1", null]);
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  expect((await reader?.read())?.value).toBe("data: 1\n\n"); // while the service still writes
  (await sent.promise)("data: 2\n\n");
  expect((await reader?.read())?.value).toBe("data: 2\n\n");
});

test("an answer that breaks off breaks off for the job too", async () => {
  await using at = await aBroker();
  at.upstream.state.answer = (_, out) => {
    out.writeHead(200, { "content-type": "text/event-stream" });
    out.write("data: 1\n\n", () => out.socket?.resetAndDestroy());
  };
  const answer = await at.post("/v1/messages");
  await expect(answer.text()).rejects.toThrow();
});

test("the end of the lease ends what is under way, and a job that goes away is not answered for", async () => {
  await using at = await aBroker();
  const gone: Promise<unknown>[] = [];
  at.upstream.state.answer = (_, out) => {
    gone.push(once(out, "close"));
    out.writeHead(200).write("data: 1\n\n");
  };
  const first = await at.post("/v1/messages");
  const left = new AbortController();
  const second = await at.post("/v1/messages", { signal: left.signal });
  left.abort();
  await expect(second.text()).rejects.toThrow();
  at.lease.abort();
  await expect(first.text()).rejects.toThrow();
  await Promise.all(gone);
  expect(gone).toHaveLength(2);
});

test("what the service refuses is handed on with its status and headers, without the key that it repeats", async () => {
  await using at = await aBroker();
  at.upstream.state.answer = (_, out) => {
    out.writeHead(429, { "retry-after": "7", "anthropic-ratelimit-unified-status": "rejected" });
    out.end(`{"error":{"message":"too much for ${realKey}"}}`);
  };
  const answer = await at.post("/v1/messages");
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([429, "7"]);
  expect(answer.headers.get("anthropic-ratelimit-unified-status")).toBe("rejected");
  expect(await answer.text()).toBe('{"error":{"message":"too much for [redacted]"}}');
});

test("a service that cannot be reached is told as the API tells its own trouble", async () => {
  await using at = await aBroker({ ANTHROPIC_BASE_URL: "http://127.0.0.1:1" });
  const answer = await at.post("/v1/messages");
  expect(answer.status).toBe(502);
  expect(await answer.json()).toMatchObject({ type: "error", error: { type: "api_error" } });
});

test("a body that is larger than the API takes is not held", async () => {
  await using at = await aBroker();
  const answer = await at.post("/v1/messages", { body: Buffer.alloc(33 * 1024 * 1024) }).catch(() => undefined);
  expect([413, undefined]).toContain(answer?.status);
  expect(at.upstream.asked).toEqual([]);
  expect((await at.post("/v1/messages")).status).toBe(200);
});

test("a connection that the service has closed meanwhile is made again", async () => {
  await using at = await aBroker();
  at.upstream.state.answer = (_, out) => {
    const { socket } = out;
    out.end("{}", () => setImmediate(() => socket?.resetAndDestroy()));
  };
  for (const _ of [1, 2, 3, 4, 5]) expect((await at.post("/v1/messages")).status).toBe(200);
});
