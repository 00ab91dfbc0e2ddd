import { expect, test } from "vitest";
import { AppError } from "../../shared/error.ts";
import type { Log } from "../../shared/log.ts";
import { silentLog } from "../../shared/log.ts";
import type { JobStore } from "../../shared/store.ts";
import { aJobId, aRunner } from "../support/a-job.ts";
import { anApi, aStore, someProfiles } from "../support/an-api.ts";

test("health says what runs here", async () => {
  await using api = await anApi();
  const { status, body } = await api.get("/health");
  expect([status, body]).toEqual([200, { success: true, status: "ok", service: "agenticore", version: "0.1.0" }]);
});

test("profiles are the bundled ones and those of live runners, whose word holds", async () => {
  await using api = await anApi();
  const ours = { name: "code", description: "Changed on the box", source: "box", model: "opus" };
  await api.store.announce(aRunner({ profiles: [ours, { name: "docs", description: "", source: "box" }] }));

  const list = await api.get("/profiles");
  const one = await api.get("/profiles/code");
  const none = await api.get("/profiles/cdoe");

  expect(list.body).toMatchObject({ success: true, count: 3, profiles: [ours, { name: "docs" }, { name: "review" }] });
  expect(one.body).toEqual({ success: true, profile: ours });
  expect([none.status, none.body["code"]]).toEqual([404, "profile_not_found"]);
  expect(none.body["detail"]).toContain("code, docs, review");
});

test("a runner is shown with the number of its jobs, not with whose they are, and can be drained", async () => {
  await using api = await anApi();
  const job = aJobId();
  await api.store.announce(aRunner({ running: [job] }));

  const list = await api.get("/runners");
  const drained = await api.post("/runners/box-1/drain");
  const unknown = await api.post("/runners/box-2/drain");

  expect(list.body).toMatchObject({ count: 1, runners: [{ name: "box-1", capacity: 3, running: 1, draining: false }] });
  expect(list.text).not.toContain(job);
  expect([drained.status, drained.body]).toEqual([200, { success: true, name: "box-1", draining: 1 }]);
  expect(await api.store.announce(aRunner())).toEqual({ drain: true });
  expect(unknown.status).toBe(404);
});

test("ready says so, and which part is down", async () => {
  await using api = await anApi();
  const { store, close } = await aStore();
  const broken = over(store, { ping: () => Promise.reject(new AppError("store_unavailable", "disk I/O error")) });
  await using down = await anApi({ store: broken });

  expect((await api.get("/ready")).body).toEqual({ success: true, parts: { store: { ok: true } } });
  const answer = await down.get("/ready");
  expect(answer.status).toBe(503);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(answer.body).toMatchObject({ success: false, code: "store_unavailable", parts: { store: { ok: false } } });
  expect((await down.get("/health")).status).toBe(200);
  await close();
});

test("W-02: metrics count jobs, queues and runners", async () => {
  await using api = await anApi();
  await api.submit();
  await api.submit({ pool: "big" });
  await api.post(`/jobs/${await api.submit()}/cancel`);
  const totals = {
    claims: 3,
    attempts: { succeeded: 2, crashed: 1 },
    cost_usd: 0.5,
    queue_seconds: { bounds: [1, 5], counts: [2, 0, 1], sum: 62.5 },
    run_seconds: { bounds: [10], counts: [0, 0], sum: 0 },
  };
  await api.store.announce(aRunner({ name: 'a"b\\c\nd' }));
  await api.store.announce(aRunner({ id: "box-2/b2", name: "box-2", totals }));

  const { headers, text } = await api.get("/metrics");

  expect(headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  for (const line of [
    "# TYPE agenticore_jobs gauge",
    'agenticore_jobs{status="queued"} 2',
    'agenticore_jobs{status="cancelled"} 1',
    'agenticore_jobs{status="running"} 0',
    'agenticore_queue_depth{pool="big"} 1',
    "agenticore_store_up 1",
    "agenticore_runners 2",
    'agenticore_runner_capacity{runner="a\\"b\\\\c\\nd",instance_id="a1"} 3',
    'agenticore_claims_total{runner="box-2",instance_id="b2"} 3',
    "# TYPE agenticore_attempts_total counter",
    'agenticore_attempts_total{runner="box-2",instance_id="b2",outcome="crashed"} 1',
    'agenticore_cost_usd_total{runner="box-2",instance_id="b2"} 0.5',
    "# TYPE agenticore_queue_wait_seconds histogram",
    'agenticore_queue_wait_seconds_bucket{runner="box-2",instance_id="b2",le="1"} 2',
    'agenticore_queue_wait_seconds_bucket{runner="box-2",instance_id="b2",le="5"} 2',
    'agenticore_queue_wait_seconds_bucket{runner="box-2",instance_id="b2",le="+Inf"} 3',
    'agenticore_queue_wait_seconds_sum{runner="box-2",instance_id="b2"} 62.5',
    'agenticore_queue_wait_seconds_count{runner="box-2",instance_id="b2"} 3',
    'agenticore_attempt_seconds_bucket{runner="box-2",instance_id="b2",le="+Inf"} 0',
  ])
    expect(text.split("\n")).toContain(line);
  expect(text).toMatch(/^agenticore_queue_oldest_age_seconds\{pool="default"\} \d/m);
  for (const line of text.trimEnd().split("\n")) expect(line).toMatch(/^(?:# (?:HELP|TYPE) |[a-z_]+(?:\{.*\})? -?\d)/);
});

test("a path that does not exist is 404, a method that it does not take 405 with those it takes", async () => {
  await using api = await anApi();
  const nowhere = await api.get("/nowhere");
  const put = await api.fetch("/jobs", { method: "PUT", body: "{}", headers: { "content-type": "application/json" } });
  const post = await api.post("/health");

  expect([nowhere.status, nowhere.body["code"]]).toEqual([404, "not_found"]);
  expect([put.status, put.headers.get("allow")]).toEqual([405, "POST, GET, HEAD"]);
  expect(await put.json()).toMatchObject({ success: false, code: "invalid_request", status: 405 });
  expect([post.status, post.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
});

test("a HEAD request is answered as a GET without its body", async () => {
  await using api = await anApi();
  const answer = await api.fetch("/jobs", { method: "HEAD" });
  expect([answer.status, await answer.text()]).toEqual([200, ""]);
});

test("an error inside is a 500 whose text is in the log only, under the request's id", async () => {
  const lines: string[] = [];
  const log: Log = {
    ...silentLog,
    error: (message, facts) => void lines.push(JSON.stringify([message, facts], plain)),
  };
  const { store, close } = await aStore();
  await using api = await anApi({ log, store: over(store, { list: () => Promise.reject(new Error("secret words")) }) });

  const { status, body, text } = await api.get("/jobs", { "x-request-id": "from-a-proxy" });

  expect([status, body["code"], body["request_id"]]).toEqual([500, "internal", "from-a-proxy"]);
  expect(text).not.toContain("secret words");
  expect(lines.join()).toContain("secret words");
  expect(lines.join()).toContain("from-a-proxy");
  await close();
});

test("a store that cannot be reached is a 503 that says when to come again", async () => {
  const { store, close } = await aStore();
  const away = () => Promise.reject(new AppError("store_unavailable", "The store cannot be reached."));
  await using api = await anApi({ store: over(store, { submit: away, get: away, runners: store.runners }) });

  const answer = await api.post("/jobs", { task: "x" });

  expect([answer.status, answer.body["code"], answer.headers.get("retry-after")]).toEqual([
    503,
    "store_unavailable",
    "5",
  ]);
  await close();
});

test("every answer keeps browsers from guessing, framing and storing it", async () => {
  await using api = await anApi();
  for (const path of ["/jobs", "/nowhere", "/", "/docs", "/health"]) {
    const { headers } = await api.get(path);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("content-security-policy")).toMatch(/default-src 'none';.*frame-ancestors 'none'/);
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  }
});

test("the pages load nothing from elsewhere and run nothing, whatever a task says", async () => {
  await using api = await anApi();
  await api.submit({ task: `<img src=x onerror=alert(1)> "&'` });
  for (const path of ["/", "/docs"]) {
    const { status, text, headers } = await api.get(path);
    expect([status, headers.get("content-type")]).toEqual([200, "text/html; charset=UTF-8"]);
    expect(text).not.toMatch(/<(?:script|img|iframe|link|object|embed|form)|@import|url\(/i);
    const nonce = /style-src 'nonce-([^']+)'/.exec(headers.get("content-security-policy") ?? "")?.[1];
    expect(text).toContain(`<style nonce="${nonce}">`);
  }
  expect((await api.get("/")).text).toContain("&lt;img src=x onerror=alert(1)&gt; &quot;&amp;&#39;");
});

const over = (store: JobStore, instead: Partial<JobStore>): JobStore => ({ ...store, ...instead });
const plain = (_key: string, value: unknown) => (value instanceof Error ? value.message : value);

test("the bundled profiles are there without any runner", async () => {
  await using api = await anApi();
  expect((await api.get("/profiles")).body["profiles"]).toEqual(someProfiles);
});
