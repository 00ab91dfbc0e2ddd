import { expect, test } from "vitest";
import { apiSettings } from "../../api/settings.ts";
import type { Budgets } from "../../shared/budget.ts";
import { Secret } from "../../shared/secret.ts";
import { aClaim } from "../support/a-job.ts";
import { aConfig } from "../support/a-served-api.ts";
import { anApi } from "../support/an-api.ts";
import { fakeClock } from "../support/fake-clock.ts";

const noon = Date.parse("2026-03-01T12:00:00.000Z");
const under = (budgets: Budgets, keys: readonly string[] = []) =>
  anApi({
    clock: fakeClock({ now: noon }),
    settings: { budgets, apiKeys: keys.map((key) => new Secret(key)), loopbackOnly: keys.length === 0 },
  });
type Api = Awaited<ReturnType<typeof under>>;
const job = (more: object = {}) => ({ task: "Add a test", ...more });

/** The job that waits ends so. */
async function end(api: Api, cost_usd: number): Promise<void> {
  const claim = await api.store.claim(aClaim());
  if (!claim) throw new Error("nothing was claimed");
  await api.store.finish(claim.lease, { status: "failed", patch: { cost_usd } });
}

test("a job that today's budget has no room for is 429: which budget, when the next begins, and nothing is stored", async () => {
  await using api = await under({ total: 10 });
  expect((await api.post("/jobs", job({ max_budget_usd: 8 }))).status).toBe(202);

  const refused = await api.post("/jobs", job({ max_budget_usd: 3 }));
  expect(refused.status).toBe(429);
  expect(refused.headers.get("retry-after")).toBe("Mon, 02 Mar 2026 00:00:00 GMT");
  expect(refused.headers.get("content-type")).toBe("application/problem+json");
  expect(refused.body).toMatchObject({
    code: "rate_limited",
    detail:
      "The budget of all jobs for 2026-03-01 has no room for this job, which may take 3 USD: of 10 USD it has spent 0 USD and holds 8 USD for jobs that have not ended.",
    remedy: expect.stringContaining("2026-03-02T00:00:00Z"),
  });
  expect((await api.store.list({ limit: 10 })).jobs).toHaveLength(1);

  await end(api, 1);
  expect((await api.post("/jobs", job({ max_budget_usd: 3 }))).status).toBe(202);
});

test("each key and each repository has a budget of its own, whichever way the repository is spelled", async () => {
  await using api = await under({ perKey: 6, perRepo: 8 }, ["key-of-ann-1", "key-of-bob-1"]);
  const as = (key: string, more: object) => api.post("/jobs", job(more), { authorization: `Bearer ${key}` });
  const repo_url = "https://github.com/org/src";
  expect((await as("key-of-ann-1", { repo_url, max_budget_usd: 5 })).status).toBe(202);
  const own = await as("key-of-ann-1", { max_budget_usd: 2 });
  expect([own.status, own.body["detail"]]).toEqual([429, expect.stringContaining("of this API key")]);
  expect(own.text).not.toContain("key-of-ann-1");
  const shared = await as("key-of-bob-1", { repo_url: `${repo_url}.git/`, max_budget_usd: 4 });
  expect([shared.status, shared.body["detail"]]).toEqual([429, expect.stringContaining(`the repository ${repo_url}`)]);
  expect((await as("key-of-bob-1", { max_budget_usd: 4 })).status).toBe(202);
});

test("what is sent again with its key is answered, not refused, and the next day begins anew", async () => {
  await using api = await under({ total: 5 });
  const once = { "idempotency-key": "k" };
  expect((await api.post("/jobs", job(), once)).status).toBe(202);
  const again = await api.post("/jobs", job(), once);
  expect([again.status, again.headers.get("idempotent-replayed")]).toEqual([200, "true"]);
  expect((await api.post("/jobs", job())).status).toBe(429); // five dollars are held for a job without a budget
  (api.deps.clock as ReturnType<typeof fakeClock>).advance(12 * 3_600_000);
  expect((await api.post("/jobs", job())).status).toBe(202);
});

test("one job may name no more than is allowed, and gets it where it names nothing", async () => {
  await using api = await under({ perJob: 2 });
  const { status, body } = await api.post("/jobs", job({ max_budget_usd: 2.5 }));
  expect([status, body["errors"]]).toEqual([400, [{ path: "max_budget_usd", message: "must be at most 2" }]]);
  expect((await api.post("/jobs", job({ max_budget_usd: 1.5 }))).body["job"]).toMatchObject({ max_budget_usd: 1.5 });
  expect((await api.post("/jobs", job())).body["job"]).toMatchObject({ max_budget_usd: 2 });
});

test("a retry holds what the job may still cost, and is refused without room", async () => {
  await using api = await under({ total: 10 });
  const id = await api.submit({ max_budget_usd: 8 });
  await end(api, 6);
  const left = async () => (await api.get("/budgets")).body["budgets"];
  expect(await left()).toMatchObject([{ spent_usd: 6, reserved_usd: 0, left_usd: 4 }]);
  expect((await api.post(`/jobs/${id}/retry`)).status).toBe(200);
  expect(await left()).toMatchObject([{ spent_usd: 6, reserved_usd: 2, left_usd: 2 }]);
  await end(api, 7.5);
  await api.submit({ max_budget_usd: 2.4 });
  expect((await api.post(`/jobs/${id}/retry`)).status).toBe(429);
});

test("GET /budgets tells of today's budgets: all jobs', the caller's, and the repository's that is named", async () => {
  await using api = await under({ total: 10, perKey: 4, perRepo: 6, perJob: 3 }, ["key-of-ann-1", "key-of-bob-1"]);
  const ann = { authorization: "Bearer key-of-ann-1" };
  const bob = { authorization: "Bearer key-of-bob-1" };
  await api.post("/jobs", job({ repo_url: "https://github.com/org/src" }), ann);
  const seen = await api.get("/budgets?repo_url=https%3A%2F%2Fgithub.com%2Forg%2Fsrc.git", bob);
  expect(seen.body).toEqual({
    ...{ success: true, day: "2026-03-01", frees_at: "2026-03-02T00:00:00.000Z", max_per_job_usd: 3 },
    budgets: [
      { budget: "total", limit_usd: 10, spent_usd: 0, reserved_usd: 3, left_usd: 7 },
      { budget: "key", limit_usd: 4, spent_usd: 0, reserved_usd: 0, left_usd: 4 },
      {
        ...{ budget: "repo", repository: "https://github.com/org/src", limit_usd: 6 },
        ...{ spent_usd: 0, reserved_usd: 3, left_usd: 3 },
      },
    ],
  });
  expect((await api.get("/budgets?repo_url=nonsense", bob)).status).toBe(400);
  const metrics = (await api.get("/metrics", ann)).text;
  expect(metrics).toContain('agenticore_budget_usd{part="limit"} 10');
  expect(metrics).toContain('agenticore_budget_usd{part="reserved"} 3');
});

test("without budgets nothing is held, and none is told of", async () => {
  await using api = await anApi();
  await api.submit({ max_budget_usd: 100 });
  expect((await api.get("/budgets")).body["budgets"]).toEqual([]);
  expect((await api.get("/metrics")).text).not.toContain("agenticore_budget_usd{");
});

test("the configuration says which budgets there are", async () => {
  const env = { AGENTICORE_BUDGET_TOTAL: "200", AGENTICORE_BUDGET_PER_KEY: "50.5", AGENTICORE_BUDGET_PER_JOB: "10" };
  expect(apiSettings(aConfig(env), "127.0.0.1").budgets).toEqual({ total: 200, perKey: 50.5, perJob: 10 });
  expect(apiSettings(aConfig({ AGENTICORE_BUDGET_PER_REPO: "40" }), "127.0.0.1").budgets).toEqual({ perRepo: 40 });
  expect(() => aConfig({ AGENTICORE_BUDGET_TOTAL: "none" })).toThrow("US dollars");
});
