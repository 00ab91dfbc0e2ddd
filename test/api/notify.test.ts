import { expect, test } from "vitest";
import type { ApiSettings } from "../../api/deps.ts";
import { fetchPost } from "../../api/edge/fetch-post.ts";
import type { Receivers } from "../../shared/notify/receivers.ts";
import { anApi } from "../support/an-api.ts";
import { savedKey } from "../support/an-api-key.ts";
import { anMcpClient } from "../support/an-mcp-client.ts";

const receivers: Receivers = { allowed: ["hooks.example", "*.team.example"], hasSecret: true };
const notify_url = "https://hooks.example/agenticore?token=x";

test("a job keeps its notify_url and shows it; another one for the same Idempotency-Key is another request", async () => {
  await using api = await anApi({ settings: { receivers } });
  const key = { "idempotency-key": "k" };
  const made = await api.post("/jobs", { task: "Add a test", notify_url }, key);
  expect(made).toMatchObject({ status: 202, body: { job: { notify_url } } });
  const other = await api.post("/jobs", { task: "Add a test", notify_url: "https://a.team.example/" }, key);
  expect(other.status).toBe(422);
});

test.each<[string, Partial<ApiSettings>, [string, number]]>([
  ["nobody may be notified", {}, [notify_url, 422]],
  ["there is no secret", { receivers: { ...receivers, hasSecret: false } }, [notify_url, 422]],
  ["the host is not on the list", { receivers }, ["https://evil.example/", 422]],
  ["it is http", { receivers }, ["http://hooks.example/", 422]],
  ["it is an address inside", { receivers: { ...receivers, allowed: ["**"] } }, ["https://169.254.169.254/", 422]],
  ["it has a password", { receivers }, ["https://a:b@hooks.example/", 400]],
  ["it is no address", { receivers }, ["hooks.example", 400]],
  ["it is too long", { receivers }, [`https://hooks.example/${"x".repeat(2_048)}`, 400]],
])(
  "where %s the submission is refused with the field and a remedy, and nothing is stored",
  async (_, settings, [url, status]) => {
    await using api = await anApi({ settings });
    const answer = await api.post("/jobs", { task: "Add a test", notify_url: url });
    expect(answer).toMatchObject({ status, body: { code: "invalid_request", errors: [{ path: "notify_url" }] } });
    expect(String(answer.body["remedy"]).length).toBeGreaterThan(10);
    expect((await api.store.list({ limit: 10 })).jobs).toEqual([]);
  },
);

test("no key lifts the list: not one of the store with all scopes, not over MCP", async () => {
  await using api = await anApi({ settings: { receivers, requireKeys: true, loopbackOnly: false } });
  const scopes = ["submit", "read", "cancel", "admin", "runner"] as const;
  const { as } = await savedKey(api.store, { scopes: [...scopes] });
  const request = { task: "Add a test", notify_url: "https://evil.example/" };
  expect((await api.post("/jobs", request, as)).status).toBe(422);
  await using agent = await anMcpClient((asked) => api.app.fetch(asked), { headers: as });
  const refused = await agent.call("run_task", request);
  expect(refused.body).toMatchObject({ success: false, code: "invalid_request" });
  expect((await agent.call("run_task", { ...request, notify_url })).body).toMatchObject({ job: { notify_url } });
});

test("metrics tell of notifications that wait and of what came of others", async () => {
  await using api = await anApi({ settings: { receivers } });
  const lines = async () => (await api.get("/metrics")).text.split("\n");
  for (let n = 0; n < 2; n += 1) {
    const id = await api.submit({ notify_url });
    await api.post(`/jobs/${id}/cancel`, {});
  }
  const [first] = await api.store.takeNotices({ limit: 1, leaseMs: 1_000 });
  if (!first) throw new Error("there was nothing to send");
  await api.store.settleNotice(first, { kind: "delivered" });
  expect(await lines()).toEqual(
    expect.arrayContaining([
      "agenticore_notifications_waiting 1",
      'agenticore_notifications_total{outcome="delivered"} 1',
      'agenticore_notifications_total{outcome="failed"} 0',
    ]),
  );
});

test("a Worker posts by fetch, follows no redirect, reads no body, and tells no address when it cannot", async () => {
  const asked: RequestInit[] = [];
  let isRead = false;
  const body = new ReadableStream(
    {
      pull: () => {
        isRead = true;
      },
    },
    { highWaterMark: 0 },
  );
  const post = fetchPost(async (_, init) => {
    asked.push(init ?? {});
    return new Response(body, { status: 307, headers: { location: "https://elsewhere.example/" } });
  });
  const { signal } = new AbortController();
  const message = { headers: { "webhook-id": "msg_1" }, body: "{}" };
  expect(await post(new URL(notify_url), message, signal)).toBe(307);
  expect(asked).toEqual([{ method: "POST", redirect: "manual", signal, ...message }]);
  expect(isRead).toBe(false);
  const broken = fetchPost(() => Promise.reject(new Error("connect 10.0.0.1:443 refused")));
  await expect(broken(new URL(notify_url), message, signal)).rejects.toThrow("The receiver could not be reached.");
});
