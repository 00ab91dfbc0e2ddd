import { expect, test } from "vitest";
import type { Job, JobPatch } from "../../shared/job.ts";
import { aClaim } from "../support/a-job.ts";
import { anApi, type TestApi } from "../support/an-api.ts";

const usage = { input_tokens: 1, output_tokens: 1, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 };
const result = { subtype: "success", is_error: false, num_turns: 1, duration_ms: 1, usage, models: [] };
/** Claude ended well, and something came of it. */
const done = { exit_code: 0, output: "Added a test.", result, commit: "c0ffee", branch: "agenticore-1" };
const trouble = { code: "pr_failed", sentence: "No.", remedy: "Do." } as const;
const repo_url = "https://github.com/acme/widget";

/** A job that has ended so. */
type End = Readonly<{ status: "succeeded" | "failed"; patch: JobPatch; request?: object }>;
async function anEnded(api: TestApi, { status, patch, request = {} }: End): Promise<string> {
  const id = await api.submit({ repo_url, ...request });
  const claim = await api.store.claim(aClaim());
  if (!claim) throw new Error("nothing was there to claim");
  await api.store.finish(claim.lease, { status, patch });
  return id;
}

test.each([
  ["whose pull request failed", { status: "succeeded", patch: { ...done, pr_error: trouble } }],
  ["whose push was rejected", { status: "failed", patch: { ...done, error_code: "push_rejected", error: "No." } }],
  ["without a pull request", { status: "succeeded", patch: done }],
] as const)("a job %s is queued for publication alone, with Claude's end", async (_, end) => {
  await using api = await anApi();
  const id = await anEnded(api, end);

  const answer = await api.post(`/jobs/${id}/publish`);

  expect(answer.status).toBe(200);
  const job = answer.body["job"] as Job;
  expect(job).toMatchObject({ status: "queued", publish_only: true, ...done });
  expect(job).not.toHaveProperty("pr_error");
  expect(job).not.toHaveProperty("error_code");
  expect((await api.post(`/jobs/${id}/publish`)).status).toBe(409);
});

test.each([
  ["did not end well", { status: "failed", patch: { exit_code: 1, error_code: "claude_failed", error: "No." } }],
  ["changed nothing", { status: "succeeded", patch: { exit_code: 0, output: "Nothing.", result } }],
  ["pull/1", { status: "succeeded", patch: { ...done, pr_url: `${repo_url}/pull/1` } }],
] as const)("where there is nothing to publish the conflict says so: %s", async (why, end) => {
  await using api = await anApi();
  const id = await anEnded(api, end);

  const answer = await api.post(`/jobs/${id}/publish`);

  expect(answer.body).toMatchObject({ status: 409, code: "conflict", detail: expect.stringContaining(why) });
  expect(await api.store.get(id as never)).toMatchObject({ status: end.status });
});

test("work in a local folder, in none, or for a profile without pull requests has nothing to publish", async () => {
  const bundled = [{ name: "quiet", description: "", source: "bundled", auto_pr: false }];
  await using api = await anApi({ bundled, settings: { isRepoAllowed: () => true, defaultProfile: "quiet" } });
  const ids = [
    await anEnded(api, { status: "succeeded", patch: done, request: { repo_url: "/srv/git/widget" } }),
    await anEnded(api, { status: "succeeded", patch: done, request: { repo_url: undefined } }),
    await anEnded(api, { status: "succeeded", patch: done }),
  ];
  const answers = await Promise.all(ids.map((id) => api.post(`/jobs/${id}/publish`)));
  expect(answers.map(({ body }) => body["code"])).toEqual(["conflict", "conflict", "conflict"]);
});

test("a live job is a conflict, and what is no job is not there", async () => {
  await using api = await anApi();
  const id = await api.submit({ repo_url });
  expect((await api.post(`/jobs/${id}/publish`)).body).toMatchObject({ status: 409, code: "conflict" });
  await api.store.claim(aClaim());
  expect((await api.post(`/jobs/${id}/publish`)).body).toMatchObject({ status: 409, code: "conflict" });
  for (const other of ["nothing", "7b5ac5b4-6d3c-4d1c-9d0e-6f5a0f7a9f11"])
    expect((await api.post(`/jobs/${other}/publish`)).status).toBe(404);
});
