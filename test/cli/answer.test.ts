import { expect, test } from "vitest";
import type { Claim } from "../../shared/store.ts";
import { aCli } from "../support/a-cli.ts";
import { aClaim, aNewJob, aQuestion } from "../support/a-job.ts";
import { aServedApi } from "../support/a-served-api.ts";
import { eventually } from "../support/eventually.ts";

/** A job whose runner, which the test is, asks these. */
async function asking(...questions: ReturnType<typeof aQuestion>[]) {
  const server = await aServedApi();
  const { id } = (await server.store.submit(aNewJob())).job;
  const { lease } = (await server.store.claim(aClaim())) as Claim;
  const renew = (patch: object, ...events: { type: "question.asked"; data: ReturnType<typeof aQuestion> }[]) =>
    server.store.renew(lease, { leaseMs: 360_000, patch, events });
  await renew({ questions }, ...questions.map((data) => ({ type: "question.asked", data }) as const));
  const cli = aCli({ env: { AGENTICORE_URL: server.url } });
  const end = () => server.store.finish(lease, { status: "succeeded", patch: { questions: [] } });
  return { id, cli, renew, end, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}
const one = "8a6c0e5e-6d0e-4b3e-9a57-0b3b7a3d2f10";
const two = "8a6d0e5e-6d0e-4b3e-9a57-0b3b7a3d2f10";

test("answer allows or denies a question, by the first characters of job and question", async () => {
  await using job = await asking(aQuestion({ question_id: one }), aQuestion({ question_id: two }));
  expect(await job.cli.run("answer", job.id.slice(0, 8), "8a6c", "allow")).toMatchObject({
    code: 0,
    out: "",
    err: expect.stringContaining(`The answer is kept for job ${job.id}`),
  });
  const { code, out } = await job.cli.run("answer", job.id, two, "deny", "--message", "Not today", "--json");
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ success: true, job: { id: job.id } });
  expect((await job.renew({})).messages).toMatchObject([
    { id: one, text: "", answer: { decision: "allow" } },
    { id: two, text: "Not today", answer: { decision: "deny" } },
  ]);
});

test("what is no decision, no question or several is told, and nothing is answered", async () => {
  await using job = await asking(aQuestion({ question_id: one }), aQuestion({ question_id: two }));
  expect(await job.cli.run("answer", job.id, one, "perhaps")).toMatchObject({
    code: 2,
    err: expect.stringContaining("`allow` or `deny`, and not `perhaps`"),
  });
  expect(await job.cli.run("answer", job.id, "8a6", "allow")).toMatchObject({
    code: 2,
    err: expect.stringContaining("the beginning of 2 open questions"),
  });
  expect(await job.cli.run("answer", job.id, "ffff", "allow")).toMatchObject({
    code: 2,
    err: expect.stringContaining(`open are: ${one}, ${two}`),
  });
  expect((await job.renew({})).messages).toEqual([]);
  await job.cli.run("answer", job.id, one, "allow");
  expect(await job.cli.run("answer", job.id, one, "deny")).toMatchObject({
    code: 1,
    err: expect.stringContaining("has an answer already"),
  });
});

test("job and job --follow show what is asked, until when, and the command that answers it", async () => {
  const input = '{"command":"rm -rf build \u001b[2J"}';
  await using job = await asking(aQuestion({ question_id: one, input }));
  const how = `agenticore answer ${job.id.slice(0, 8)} ${one.slice(0, 8)} allow|deny [--message TEXT]`;
  const shown = await job.cli.run("job", job.id);
  expect(shown.out).toContain("rm -rf build");
  expect(shown.out).toContain(`Until 2026-03-01T12:30:00.000Z: ${how}`);

  const ended = job.cli.run("job", job.id, "--follow");
  await eventually(() => job.cli.written.out.includes(how), { what: "it is told how to answer" });
  await job.end();
  const { out } = await ended;
  expect(out).toContain('Claude asks for Bash {"command":"rm -rf build');
  expect([shown.out, out].join("")).not.toContain("\u001b[2J");
});
