import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import type { Job } from "../../shared/job.ts";
import { aClaim, aNewJob } from "../support/a-job.ts";
import { anApi, type Reply } from "../support/an-api.ts";

const jobOf = (answer: Reply) => answer.body["job"] as Job;
const idsOf = (answer: Reply) => (answer.body["jobs"] as Job[]).map((job) => job.id);
const elsewhere = [
  randomUUID(),
  "1",
  "..%2F..%2Fetc",
  "%00",
  "%ff",
  "x".repeat(5_000),
  "00000000-0000-0000-0000-000000000000",
];

test("W-60: a list is newest first, in pages that leave out nothing and give nothing twice", async () => {
  await using api = await anApi();
  const made: string[] = [];
  for (let count = 0; count < 5; count++) made.unshift(await api.submit());

  const first = await api.get("/jobs?limit=2");
  const second = await api.get(`/jobs?limit=2&cursor=${first.body["next_cursor"]}`);
  const third = await api.get(`/jobs?limit=2&cursor=${second.body["next_cursor"]}`);

  expect([first, second, third].map((page) => page.body["count"])).toEqual([2, 2, 1]);
  expect([first, second, third].flatMap(idsOf)).toEqual(made);
  expect(third.body).not.toHaveProperty("next_cursor");
});

test("a list holds what its filters say, without the output", async () => {
  await using api = await anApi();
  const review = await api.submit({ profile: "review" });
  const repo = await api.submit({ repo_url: "https://github.com/octo/repo" });
  const claim = await api.store.claim(aClaim());
  if (claim) await api.store.finish(claim.lease, { status: "succeeded", patch: { output: "long" } });

  const found = async (query: string) => idsOf(await api.get(`/jobs?${query}`));

  expect(await found("profile=review")).toEqual([review]);
  expect(await found("status=succeeded")).toEqual([review]);
  expect(await found("status=queued")).toEqual([repo]);
  expect(await found("repo_url=https://github.com/octo/repo")).toEqual([repo]);
  expect(await found("repo_url=https://github.com/octo/repo&status=failed")).toEqual([]);
  expect((await api.get("/jobs?status=succeeded")).text).not.toContain("long");
});

test.each([
  "limit=abc",
  "limit=0",
  "limit=101",
  "limit=1e1",
  "limit=",
  "limit=1&limit=2",
  "status=done",
  "status=",
  "cursor=abc",
  "cursor=",
  "profile=..%2Fx",
  "repo_url=",
  "state=queued",
])("a list asked with %s is refused with the name", async (query) => {
  await using api = await anApi();
  await api.submit();

  const answer = await api.get(`/jobs?${query}`);

  expect(answer.status).toBe(400);
  expect(answer.body).toMatchObject({ errors: [{ path: query.split("=")[0] }] });
});

test("what is no job is not there, whatever is asked of it", async () => {
  await using api = await anApi();
  for (const id of elsewhere) {
    const answers = [
      await api.get(`/jobs/${id}`),
      await api.get(`/jobs/${id}?wait=5`),
      await api.get(`/jobs/${id}/events`),
      await api.post(`/jobs/${id}/cancel`),
      await api.post(`/jobs/${id}/retry`),
      await api.post(`/jobs/${id}/publish`),
      await api.post(`/jobs/${id}/messages`, { text: "Hello" }),
    ];
    expect(answers.map((answer) => answer.status)).toEqual(answers.map(() => 404));
    expect((await api.fetch(`/jobs/${id}`, { method: "DELETE" })).status).toBe(404);
  }
});

test("an identifier in capitals is the same", async () => {
  await using api = await anApi();
  const id = await api.submit();
  expect(jobOf(await api.get(`/jobs/${id.toUpperCase()}`)).id).toBe(id);
});

test.each(["DELETE", "POST"])(
  "a queued job is cancelled at once, and cancelling it again changes nothing (%s)",
  async (method) => {
    await using api = await anApi();
    const id = await api.submit();
    const cancel = () =>
      method === "DELETE" ? api.fetch(`/jobs/${id}`, { method }) : api.fetch(`/jobs/${id}/cancel`, { method });

    const first = await cancel();
    const second = await cancel();

    expect([first.status, second.status]).toEqual([200, 200]);
    const job = (await first.json()) as { job: Job };
    expect(job.job.status).toBe("cancelled");
    expect(await second.json()).toEqual(job);
  },
);

test("a running job that is cancelled says so at once", async () => {
  await using api = await anApi();
  const id = await api.submit();
  await api.store.claim(aClaim());

  const job = jobOf(await api.post(`/jobs/${id}/cancel`, {}));

  expect(job.status).toBe("running");
  expect(job.cancel_requested_at).toBeDefined();
});

test("an ended job is queued again by retry, a live one is a conflict", async () => {
  await using api = await anApi();
  const id = await api.submit();
  const live = await api.post(`/jobs/${id}/retry`);
  await api.post(`/jobs/${id}/cancel`);

  const again = await api.post(`/jobs/${id}/retry`);

  expect([live.status, live.body["code"]]).toEqual([409, "conflict"]);
  expect(again.status).toBe(200);
  expect(jobOf(again).status).toBe("queued");
});

test("an action takes no fields", async () => {
  await using api = await anApi();
  const id = await api.submit();
  const answer = await api.post(`/jobs/${id}/cancel`, { force: true });
  expect(answer.body).toMatchObject({ status: 400, errors: [{ path: "force", message: "unknown field" }] });
  expect(jobOf(await api.get(`/jobs/${id}`)).status).toBe("queued");
});

test("an action with a JSON type and no body is taken", async () => {
  await using api = await anApi();
  const id = await api.submit();
  const answer = await api.post(`/jobs/${id}/cancel`, "", { "content-type": "application/json" });
  expect(answer.status).toBe(200);
});

test("a message is stored for the runner before it is answered", async () => {
  await using api = await anApi();
  const id = await api.submit();

  const answer = await api.post(`/jobs/${id}/messages`, { text: "And the docs", mode: "interrupt" });

  expect(answer.status).toBe(202);
  expect((await api.store.claim(aClaim()))?.messages).toMatchObject([{ text: "And the docs", mode: "interrupt" }]);
});

test.each([
  {},
  { text: "" },
  { text: 1 },
  { text: "x", mode: "now" },
  { text: "x", to: "y" },
  { text: "x".repeat(100_001) },
])("a wrong message is refused: %j", async (body) => {
  await using api = await anApi();
  const id = await api.submit();
  expect((await api.post(`/jobs/${id}/messages`, body)).status).toBe(400);
  expect((await api.store.claim(aClaim()))?.messages).toEqual([]);
});

test("an ended job takes no message", async () => {
  await using api = await anApi();
  const id = await api.submit();
  await api.post(`/jobs/${id}/cancel`);
  expect((await api.post(`/jobs/${id}/messages`, { text: "Hello" })).status).toBe(409);
});

test("a long poll answers when the state changes, not when only the phase does", async () => {
  await using api = await anApi();
  const id = await api.submit();
  const claim = await api.store.claim(aClaim());
  if (!claim) throw new Error("nothing to claim");
  let answered = false;
  const waiting = api.get(`/jobs/${id}?wait=60`).finally(() => {
    answered = true;
  });

  await api.store.renew(claim.lease, { leaseMs: 60_000, patch: { phase: "running" } });
  await api.get(`/jobs/${id}?wait=1`);
  const early = answered;
  await api.store.finish(claim.lease, { status: "failed", patch: { error_code: "max_turns" } });

  expect(jobOf(await waiting)).toMatchObject({ status: "failed", error_code: "max_turns" });
  expect(early).toBe(false);
});

test("a long poll of an ended job is answered at once", async () => {
  await using api = await anApi();
  const id = await api.submit();
  await api.post(`/jobs/${id}/cancel`);
  const start = performance.now();
  expect(jobOf(await api.get(`/jobs/${id}?wait=600`)).status).toBe("cancelled");
  expect(performance.now() - start).toBeLessThan(1_000);
});

test.each(["wait=601", "wait=-1", "wait=abc", "wait=", "wait=1.5", "await=1"])(
  "a job asked with %s is refused",
  async (query) => {
    await using api = await anApi();
    expect((await api.get(`/jobs/${await api.submit()}?${query}`)).status).toBe(400);
  },
);

test("a hundred callers wait for one job and all are told", async () => {
  await using api = await anApi();
  const id = await api.submit();
  const waiting = Array.from({ length: 100 }, () => api.get(`/jobs/${id}?wait=60`));
  await api.post(`/jobs/${id}/cancel`);
  const seen = (await Promise.all(waiting)).map((answer) => jobOf(answer).status);
  expect(new Set(seen)).toEqual(new Set(["cancelled"]));
});

test("a job that the store has under another kind is shown as it is", async () => {
  await using api = await anApi();
  const { job } = await api.store.submit(aNewJob({ job: { kind: "cleanup", task: "" } }));
  expect(jobOf(await api.get(`/jobs/${job.id}`)).kind).toBe("cleanup");
});
