import { expect, test } from "vitest";
import { Secret } from "../../shared/secret.ts";
import { aClaim, aQuestion } from "../support/a-job.ts";
import { anApi, type TestApi } from "../support/an-api.ts";

const post = (api: TestApi, id: string, body: object) => api.post(`/jobs/${id}/answers`, body);

/** A job whose runner asks this. */
async function asking(api: TestApi, question = aQuestion(), headers: Record<string, string> = {}) {
  const submitted = await api.post("/jobs", { task: "x" }, headers);
  const { id } = submitted.body["job"] as { id: string };
  const claim = await api.store.claim(aClaim());
  if (!claim) throw new Error("nothing was there to claim");
  const renew = (patch: object, events: { type: "question.asked"; data: typeof question }[] = []) =>
    api.store.renew(claim.lease, { leaseMs: 60_000, patch, events });
  await renew({ questions: [question] }, [{ type: "question.asked", data: question }]);
  return { id, question_id: question.question_id, renew, lease: claim.lease };
}

test("an open question is part of the job, and its answer is kept for the runner with who gave it", async () => {
  await using api = await anApi();
  const question = aQuestion();
  const { id, question_id, renew } = await asking(api, question);
  expect((await api.get(`/jobs/${id}`)).body["job"]).toMatchObject({ status: "running", questions: [question] });

  const answered = await post(api, id, { question_id: question_id.toUpperCase(), decision: "deny", message: "No." });

  expect(answered).toMatchObject({ status: 202, body: { success: true, job: { id } } });
  expect((await renew({})).messages).toMatchObject([
    { id: question_id, text: "No.", answer: { decision: "deny", by: "local" } },
  ]);
});

test("a second answer is a conflict, and so is one that comes when nobody waits any more", async () => {
  await using api = await anApi();
  const { id, question_id, renew } = await asking(api);
  await post(api, id, { question_id, decision: "allow" });
  expect(await post(api, id, { question_id, decision: "deny" })).toMatchObject({
    status: 409,
    body: { code: "conflict", error: expect.stringContaining("has an answer already") },
  });

  const late = await asking(api);
  await late.renew({ questions: [] });
  for (let n = 0; n < 2; n += 1) {
    expect(await post(api, late.id, { question_id: late.question_id, decision: "allow" })).toMatchObject({
      status: 409,
      body: { error: expect.stringContaining("Nobody waits for an answer") },
    });
    await api.store.finish(late.lease, { status: "succeeded", patch: {} });
  }
  await renew({ questions: [] });
  expect((await post(api, id, { question_id, decision: "deny" })).status).toBe(409);
});

test("a question that nobody has asked is not there, however long the log is", async () => {
  await using api = await anApi();
  const { id, renew } = await asking(api);
  const { question_id } = aQuestion();
  const said = Array.from({ length: 600 }, () => ({ type: "claude.said", data: { text: "x" } }) as const);
  await renew({}, said as never);
  const refused = await post(api, id, { question_id, decision: "allow" });
  expect(refused).toMatchObject({
    status: 404,
    body: { code: "not_found", remedy: expect.stringContaining("questions") },
  });
});

test.each([
  ["a decision that is none", { decision: "maybe" }],
  ["no decision", { decision: undefined }],
  ["an id that is none", { question_id: "../../etc" }],
  ["an unknown field", { updated_input: {} }],
  ["an empty message", { decision: "deny", message: " " }],
  ["a message that is too long", { decision: "deny", message: "x".repeat(10_001) }],
  ["a message with a permission", { decision: "allow", message: "but be careful" }],
])("%s is refused, and the question stays open", async (_, wrong) => {
  await using api = await anApi();
  const { id, question_id, renew } = await asking(api);
  const refused = await post(api, id, { question_id, decision: "allow", ...wrong });
  expect(refused).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  expect((await renew({})).messages).toEqual([]);
});

test("another tenant's job is not there, and its question stays open", async () => {
  const apiKeys = [new Secret("red-key"), new Secret("blue-key")];
  await using api = await anApi({ settings: { apiKeys } });
  const { id, question_id, renew } = await asking(api, aQuestion(), { "x-api-key": "red-key" });
  const answer = { question_id, decision: "allow" };
  expect((await api.post(`/jobs/${id}/answers`, answer, { "x-api-key": "blue-key" })).status).toBe(404);
  expect((await post(api, id, answer)).status).toBe(401);
  expect((await renew({})).messages).toEqual([]);
});
