import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import type { Job } from "../../shared/job.ts";
import { aClaim, aNewJob, aRunner } from "../support/a-job.ts";
import { anApi, type Reply, type TestApi } from "../support/an-api.ts";

const task = "Add a test";
const longName = "n".repeat(257);
const stored = async (api: TestApi) => (await api.store.list({ limit: 100 })).jobs.length;
const jobOf = (answer: Reply) => answer.body["job"] as Job;
const paths = (answer: Reply) => (answer.body["errors"] as { path: string }[]).map((error) => error.path);

test("a task is queued with every default filled in", async () => {
  await using api = await anApi();

  const answer = await api.post("/jobs", { task });

  expect(answer.status).toBe(202);
  expect(answer.headers.get("location")).toBe(`/jobs/${jobOf(answer).id}`);
  expect(answer.body).toMatchObject({
    success: true,
    job: {
      kind: "task",
      task,
      profile: "code",
      routed_by: "default",
      pool: "default",
      priority: 0,
      max_attempts: 3,
      ttl_seconds: 86_400,
      status: "queued",
      mode: "fire_and_forget",
      attempt: 0,
      queue_position: 1,
    },
  });
  expect(jobOf(answer).id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("what is asked for goes onto the job as it was given", async () => {
  await using api = await anApi();
  const request = {
    task: "--help `123` \u0000 é",
    repo_url: "https://github.com/octo/repo.git",
    base_ref: "main",
    profile: "review",
    pool: "big",
    priority: -3,
    max_attempts: 1,
    max_budget_usd: 1.5,
    timeout_seconds: 60,
    metadata: { team: "blue", "": "" },
  };

  const refused = await api.post("/jobs", request);
  const answer = await api.post("/jobs", { ...request, metadata: { team: "blue" } });

  expect(refused.status).toBe(400);
  expect(jobOf(answer)).toMatchObject({ ...request, metadata: { team: "blue" }, routed_by: "request" });
});

const wrong: [what: string, body: unknown, path: string, status: number][] = [
  ["malformed JSON", "{", "", 400],
  ["a list", [], "", 400],
  ["null", null, "", 400],
  ["a string", '"task"', "", 400],
  ["no body", undefined, "", 400],
  ["no task", {}, "task", 400],
  ["an empty task", { task: "" }, "task", 400],
  ["a task of blanks", { task: " \n\t" }, "task", 400],
  ["a task null", { task: null }, "task", 400],
  ["a task 123", { task: 123 }, "task", 400],
  ["a task of 100,001 characters", { task: "x".repeat(100_001) }, "task", 400],
  ["an unknown field", { task, tsak: "x" }, "tsak", 400],
  ["a field of another language", { task, repoUrl: "x" }, "repoUrl", 400],
  ["an own __proto__", `{"task":"x","__proto__":{"a":1}}`, "__proto__", 400],
  ["a priority of 11", { task, priority: 11 }, "priority", 400],
  ["a priority as text", { task, priority: "1" }, "priority", 400],
  ["no attempts", { task, max_attempts: 0 }, "max_attempts", 400],
  ["a budget of nothing", { task, max_budget_usd: 0 }, "max_budget_usd", 400],
  ["a timeout of two days", { task, timeout_seconds: 172_800 }, "timeout_seconds", 400],
  ["a pool in capitals", { task, pool: "Big" }, "pool", 400],
  ["metadata of numbers", { task, metadata: { a: 1 } }, "metadata.a", 400],
  ["metadata of 17 KiB", { task, metadata: { a: "x".repeat(17 * 1024) } }, "metadata", 400],
  ["metadata without a name", { task, metadata: { "": "x" } }, "metadata.", 400],
  ["metadata with a name of 257 characters", { task, metadata: { [longName]: "x" } }, `metadata.${longName}`, 400],
  ["a wait of 601 s", { task, wait: true, wait_seconds: 601 }, "wait_seconds", 400],
  ["a session that is no UUID", { task, session_id: "last" }, "session_id", 400],
  ["a profile of odd letters", { task, profile: "../code" }, "profile", 400],
  ["a profile that does not exist", { task, profile: "cdoe" }, "profile", 422],
  ["a relative repository", { task, repo_url: "./here" }, "repo_url", 400],
  ["an ext:: repository", { task, repo_url: "ext::sh -c id" }, "repo_url", 400],
  ["a file:// repository", { task, repo_url: "file:///etc" }, "repo_url", 400],
  ["a repository that is an option", { task, repo_url: "--upload-pack=id" }, "repo_url", 400],
  ["a repository with a password", { task, repo_url: "https://a:b@github.com/a/b" }, "repo_url", 400],
  ["a repository that is not allowed", { task, repo_url: "http://example.org/a/b" }, "repo_url", 422],
  ["a repository of the own network", { task, repo_url: "https://169.254.169.254/a/b" }, "repo_url", 422],
  ["a folder where folders are not allowed", { task, repo_url: "/srv/git/a" }, "repo_url", 422],
  ["a ref that is an option", { task, base_ref: "-u" }, "base_ref", 400],
  ["a ref with two dots", { task, base_ref: "a..b" }, "base_ref", 400],
];
test.each(wrong)("W-79: %s is refused with its place, and nothing is stored", async (...[, body, path, status]) => {
  await using api = await anApi();

  const answer = await api.post("/jobs", body);

  expect(answer.status).toBe(status);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(answer.body).toMatchObject({ success: false, status, error: expect.any(String), remedy: expect.any(String) });
  if (body !== undefined) expect(paths(answer)).toContain(path);
  expect(await stored(api)).toBe(0);
});

test("the text 123 is a task and stays text", async () => {
  await using api = await anApi();
  expect(jobOf(await api.post("/jobs", { task: "123" })).task).toBe("123");
});

test("a task of 100,000 characters is taken whole", async () => {
  await using api = await anApi();
  const long = "ü".repeat(100_000);
  const { id } = jobOf(await api.post("/jobs", { task: long }));
  expect(jobOf(await api.get(`/jobs/${id}`)).task).toBe(long);
});

test("a body over 1 MiB is 413, one of another type 415, a packed one 415", async () => {
  await using api = await anApi();
  const huge = await api.post("/jobs", { task: "x".repeat(1024 * 1024) });
  const form = await api.post("/jobs", "task=x", { "content-type": "application/x-www-form-urlencoded" });
  const text = await api.post("/jobs", JSON.stringify({ task }), { "content-type": "text/plain" });
  const packed = await api.post("/jobs", { task }, { "content-encoding": "gzip" });
  const charset = await api.post("/jobs", { task }, { "content-type": "application/json; charset=UTF-8" });

  expect([huge, form, text, packed].map((answer) => answer.status)).toEqual([413, 415, 415, 415]);
  for (const answer of [huge, form, text, packed]) expect(answer.body["errors"]).toHaveLength(1);
  expect(charset.status).toBe(202);
  expect(await stored(api)).toBe(1);
});

test("an unknown profile is told with the names that exist, those of live runners too", async () => {
  await using api = await anApi();
  await api.store.announce(aRunner({ profiles: [{ name: "docs", description: "", source: "box" }] }));

  const refused = await api.post("/jobs", { task, profile: "cdoe" });
  const taken = await api.post("/jobs", { task, profile: "docs" });

  expect(refused.body).toMatchObject({
    code: "profile_not_found",
    errors: [{ path: "profile", message: "must be one of: code, docs, review" }],
  });
  expect(taken.status).toBe(202);
});

test("a profile that is invalid on its runner is refused with the reason", async () => {
  await using api = await anApi();
  const broken = { name: "docs", description: "", source: "box", error: "claude.model must be text" };
  await api.store.announce(aRunner({ profiles: [broken] }));

  const answer = await api.post("/jobs", { task, profile: "docs" });

  expect([answer.status, answer.body["code"]]).toEqual([422, "profile_invalid"]);
  expect(answer.body["detail"]).toContain("claude.model must be text");
});

test("the same key and body give the same job, also with the defaults written out", async () => {
  await using api = await anApi();
  const key = { "idempotency-key": "a key" };
  const metadata = { a: "1", b: "2" };

  const first = await api.post("/jobs", { task, metadata }, key);
  const again = await api.post("/jobs", { metadata: { b: "2", a: "1" }, task }, key);
  const spelled = await api.post("/jobs", { task, metadata, profile: "code", priority: 0, max_attempts: 3 }, key);

  expect([first.status, again.status, spelled.status]).toEqual([202, 200, 200]);
  expect([again, spelled].map((answer) => jobOf(answer).id)).toEqual([jobOf(first).id, jobOf(first).id]);
  expect(first.headers.get("idempotent-replayed")).toBeNull();
  expect(again.headers.get("idempotent-replayed")).toBe("true");
  expect(await stored(api)).toBe(1);
});

test("the same key with another body is 422, and the first job stays as it was", async () => {
  await using api = await anApi();
  const first = await api.post("/jobs", { task }, { "idempotency-key": "k" });

  const other = await api.post("/jobs", { task: "Remove a test" }, { "idempotency-key": "k" });

  expect(other.status).toBe(422);
  expect(paths(other)).toEqual(["Idempotency-Key"]);
  expect(jobOf(await api.get(`/jobs/${jobOf(first).id}`)).task).toBe(task);
  expect(await stored(api)).toBe(1);
});

test.each([
  ["256 characters", "k".repeat(256)],
  ["no character", ""],
  ["a letter outside ASCII", "kéy"],
])("an idempotency key of %s is refused", async (_what, key) => {
  await using api = await anApi();
  const answer = await api.post("/jobs", { task }, { "idempotency-key": key });
  expect(answer.status).toBe(400);
  expect(paths(answer)).toEqual(["Idempotency-Key"]);
});

test("with wait the answer comes when the job has ended", async () => {
  await using api = await anApi();
  const waiting = api.post("/jobs", { task, wait: true, wait_seconds: 60 });
  const claim = await claimed(api);
  await api.store.finish(claim.lease, { status: "succeeded", patch: { output: "Done." } });

  const answer = await waiting;

  expect(answer.status).toBe(200);
  expect(jobOf(answer)).toMatchObject({ status: "succeeded", output: "Done.", mode: "sync" });
});

test("W-19: a wait that runs out answers with the job as it stands", async () => {
  await using api = await anApi();
  const answer = await api.post("/jobs", { task, wait: true, wait_seconds: 1 });
  expect(answer.status).toBe(202);
  expect(jobOf(answer)).toMatchObject({ status: "queued", mode: "sync" });
});

test("a session is continued only by its tenant and on its repository", async () => {
  await using api = await anApi();
  const repoKey = "https://github.com/octo/repo";
  const session_id = randomUUID();
  const { job } = await api.store.submit(aNewJob({ repoKey }));
  const { lease } = await claimed(api);
  await api.store.saveSession(lease, { id: session_id, tenant: "local", repoKey, job: job.id, runner: "box-1" });

  const same = await api.post("/jobs", { task, session_id, repo_url: `${repoKey}.git` });
  const elsewhere = await api.post("/jobs", { task, session_id, repo_url: "https://github.com/octo/other" });
  const nowhere = await api.post("/jobs", { task, session_id });
  const unknown = await api.post("/jobs", { task, session_id: randomUUID(), repo_url: repoKey });

  expect(same.status).toBe(202);
  for (const answer of [elsewhere, nowhere, unknown])
    expect([answer.status, answer.body["code"]]).toEqual([404, "session_not_found"]);
});

test("a worktree that does not exist is not there", async () => {
  await using api = await anApi();
  const answer = await api.post("/jobs", { task, worktree_id: randomUUID() });
  expect([answer.status, answer.body["code"]]).toEqual([404, "not_found"]);
  expect(await stored(api)).toBe(0);
});

async function claimed(api: TestApi) {
  for (;;) {
    const claim = await api.store.claim(aClaim());
    if (claim) return claim;
    await api.store.changed({ timeoutMs: 1_000 });
  }
}
