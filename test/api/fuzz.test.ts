import { expect, test } from "vitest";
import { anApi, type TestApi } from "../support/an-api.ts";

/** mulberry32: the same requests on every run, and a seed in the failure's message. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const words = [
  "",
  "task",
  "x",
  "null",
  "0",
  "-1",
  "1e309",
  "abc",
  "__proto__",
  "constructor",
  "toString",
  "..",
  "%00",
  "%ff",
  "%2e%2e%2f",
  "\u0000",
  "\ud800",
  "é",
  "🙂",
  "'; DROP TABLE jobs;--",
  "{{7*7}}",
  "\r\nx: y",
  "a".repeat(3_000),
  "queued",
  "code",
  "https://github.com/a/b",
  "file:///etc/passwd",
  "ext::sh -c id",
  "git@h:p",
  "/srv/git",
  "-u",
  "2026-01-01",
  "NaN",
  "[object Object]",
];
const fields = [
  "task",
  "repo_url",
  "base_ref",
  "profile",
  "worktree_id",
  "session_id",
  "pool",
  "priority",
  "max_attempts",
  "max_budget_usd",
  "timeout_seconds",
  "metadata",
  "wait_seconds",
  "text",
  "mode",
  "id",
  "__proto__",
  "status",
];
const queries = ["limit", "cursor", "status", "repo_url", "profile", "after", "x", "__proto__", "limit[]"];
const methods = ["GET", "POST", "DELETE", "PUT", "PATCH", "OPTIONS", "HEAD"];
const headers = [
  "last-event-id",
  "idempotency-key",
  "accept",
  "content-type",
  "authorization",
  "x-api-key",
  "x-request-id",
  "content-encoding",
];

test("no request, however odd, makes the server fail", async () => {
  await using api = await anApi();
  const ids = [await api.submit(), await api.submit()];
  await api.post(`/jobs/${ids[0]}/cancel`);
  const roll = dice(20_260_301);
  const failed: unknown[] = [];
  const statuses = new Map<number, number>();

  for (let round = 0; round < 4_000; round++) {
    const request = anyRequest(roll, ids);
    const status = await statusOf(api, request);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    if (status >= 500) failed.push({ round, status, ...request });
  }

  expect(failed).toEqual([]);
  // A fuzz that is always refused at the door has tried nothing.
  for (const status of [200, 202, 400, 404, 405, 415, 422]) expect(statuses.get(status) ?? 0).toBeGreaterThan(5);
}, 60_000);

type Odd = Readonly<{ path: string; init: RequestInit }>;

async function statusOf(api: TestApi, { path, init }: Odd): Promise<number> {
  const stop = new AbortController();
  const response = await api.fetch(path, { ...init, signal: stop.signal });
  // A live job's stream would go on.
  await response.body?.cancel();
  stop.abort();
  return response.status;
}

function anyRequest(roll: () => number, ids: readonly string[]): Odd {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(roll() * from.length)] as T;
  const odds = (share: number) => roll() < share;
  const value = (depth = 0): unknown => {
    const kind = Math.floor(roll() * (depth > 3 ? 5 : 7));
    if (kind === 0) return pick(words);
    if (kind === 1) return pick([null, true, false]);
    if (kind === 2) return pick([0, -1, 1.5, 1e308, 10, 3]);
    if (kind < 5) return pick(words);
    if (kind === 5) return Array.from({ length: Math.floor(roll() * 4) }, () => value(depth + 1));
    return Object.fromEntries(
      Array.from({ length: Math.floor(roll() * 4) }, () => [pick([...fields, ...words]), value(depth + 1)]),
    );
  };
  const id = odds(0.6) ? pick(ids) : encodeURIComponent(pick(words.filter((word) => word.isWellFormed())));
  const [usual, path] = pick([
    ...Array.from({ length: 6 }, () => ["POST", "/jobs"] as const),
    ["GET", "/jobs"],
    ["GET", `/jobs/${id}`],
    ["GET", `/jobs/${id}/events`],
    ["POST", `/jobs/${id}/${pick(["cancel", "retry", "publish", "messages", "answers"])}`],
    ["POST", `/jobs/${id}/messages`],
    ["DELETE", `/jobs/${id}`],
    ["POST", `/runners/${id}/drain`],
    ["GET", `/profiles/${id}`],
    ["GET", pick(["/", "/docs", "/openapi.json", "/health", "/ready", "/metrics", "/profiles", "/runners"])],
    ["GET", pick([`/${id}`, "//jobs", "/jobs/", "/JOBS", `/jobs/${id}/publish`])],
  ] as const);
  const query = odds(0.4)
    ? `?${Array.from({ length: 1 + Math.floor(roll() * 3) }, () => `${pick(queries)}=${odds(0.5) ? encodeURIComponent(pick(words).toWellFormed()) : "%"}`).join("&")}`
    : "";
  const method = odds(0.9) ? usual : pick(methods);
  const sent = new Headers({ "content-type": "application/json" });
  if (odds(0.3)) {
    try {
      sent.set(pick(headers), odds(0.5) ? "application/json" : pick(words));
    } catch {
      // what no header can carry
    }
  }
  const request = pick([
    () => value(),
    () => ({ task: pick(words), [pick(fields)]: value() }),
    () => ({ task: "x", profile: pick(words), priority: pick([1, 11]) }),
    () => ({ text: pick(words), mode: pick(["queue", "interrupt", "x"]) }),
    () => ({}),
  ])();
  const text = odds(0.9)
    ? JSON.stringify(request)
    : pick(['{"task":', "", "[", '{"task":"x"}}', "\u0000", '{"a":1,"a":2}']);
  const body = ["GET", "HEAD"].includes(method) ? undefined : text;
  return { path: `${path}${query}`, init: { method, headers: sent, ...(body === undefined ? {} : { body }) } };
}
