import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { denials } from "../../runner/approvals.ts";
import type { Question } from "../../shared/question.ts";
import { aWorld, type SeenJob, type World } from "../support/a-world.ts";
import { eventually } from "../support/eventually.ts";

const careful = "approvals: ask\nauto_pr: false\nclaude: {permission_mode: default, allowed_tools: [Read]}\n";
const task = 'Go. [[scenario:run command="date > when.txt"]]';

async function aCarefulWorld(): Promise<World> {
  const made = await aWorld();
  made.write(".agenticore/profiles/careful/profile.yml", careful);
  made.write(".agenticore/profiles/hasty/profile.yml", `extends: careful\napproval_timeout: 1\n`);
  await made.serve({ direct: true, env: { AGENTICORE_MAX_PARALLEL_JOBS: "6" } });
  return made;
}
const questionsOf = (job: SeenJob) => (job["questions"] ?? []) as Question[];
const asking = async (world: World, request: object = {}) => {
  const { id } = await world.submit({ task, profile: "careful", ...request });
  const job = await world.until(id, (seen) => questionsOf(seen).length > 0);
  return { id, job, question: questionsOf(job)[0] as Question };
};
const answer = (world: World, id: string, body: object) => world.call("POST", `/jobs/${id}/answers`, body);
const wrote = (job: SeenJob) => existsSync(join(String(job["worktree_path"]), "when.txt"));
const dataOf = async (world: World, id: string, type: string) =>
  (await world.events(id)).filter((event) => event.type === type).map(({ data }) => data);
/** What Claude was given instead of, or as, the tool's result. */
const toldTo = async (world: World, id: string) => String((await dataOf(world, id, "tool.ended"))[0]?.["output"]);

describe.concurrent("Claude asks a person before it does what its profile does not allow", () => {
  let world: World;
  beforeAll(async () => {
    world = await aCarefulWorld();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  test("allowed, it does it; the job runs on meanwhile, and its log has question and answer", async () => {
    const { id, job, question } = await asking(world);
    expect(job).toMatchObject({ status: "running", phase: "running" });
    expect(question).toMatchObject({ tool: "Bash", input: expect.stringContaining("date > when.txt") });
    const left = Date.parse(question.until) - Date.now();
    expect(left).toBeGreaterThan(25 * 60_000);
    expect(left).toBeLessThan(30 * 60_000);
    expect(wrote(job)).toBe(false);

    const { question_id } = question;
    expect((await answer(world, id, { question_id, decision: "allow" })).status).toBe(202);
    const done = await world.ended(id);

    expect(done).toMatchObject({ status: "succeeded", attempt: 1, output: "Ran it." });
    expect(done).not.toHaveProperty("questions");
    expect(await dataOf(world, id, "question.asked")).toEqual([question]);
    expect(await dataOf(world, id, "question.answered")).toEqual([
      { question_id, decision: "allow", reason: "answered", by: "local" },
    ]);
    expect(await dataOf(world, id, "message.delivered")).toEqual([]);
    expect(await dataOf(world, id, "tool.ended")).toMatchObject([{ is_error: false }]);
    expect((await answer(world, id, { question_id, decision: "deny" })).status).toBe(409);
  });

  test("denied with a message, it reads the message, and does not do it", async () => {
    const { id, job, question } = await asking(world);
    const { question_id } = question;
    const denied = await answer(world, id, { question_id, decision: "deny", message: "Not on a Sunday." });
    expect(denied.status).toBe(202);
    expect((await answer(world, id, { question_id, decision: "allow" })).status).toBe(409);
    const done = await world.ended(id);

    expect(done).toMatchObject({ status: "succeeded", warnings: [expect.stringContaining("denied Bash once")] });
    expect(await toldTo(world, id)).toContain("Not on a Sunday.");
    expect(wrote(job)).toBe(false);
    expect(await dataOf(world, id, "question.answered")).toMatchObject([
      { decision: "deny", reason: "answered", message: "Not on a Sunday." },
    ]);
  });

  test("unanswered, it is denied after its time, and Claude goes on", async () => {
    // From the log: it is open for too short a time to be seen for certain.
    const { id } = await world.submit({ task, profile: "hasty" });
    const done = await world.ended(id);
    expect(done).toMatchObject({ status: "succeeded", attempt: 1 });
    const [question, ...more] = (await dataOf(world, id, "question.asked")) as Question[];
    if (question === undefined) throw new Error("it was never asked");
    expect(more).toEqual([]);
    expect(await toldTo(world, id)).toContain(denials.late);
    expect(await dataOf(world, id, "question.answered")).toEqual([
      { question_id: question.question_id, decision: "deny", reason: "timeout" },
    ]);
    const late = await answer(world, id, { question_id: question.question_id, decision: "allow" });
    expect(late).toMatchObject({ status: 409, body: { error: expect.stringContaining("Nobody waits") } });
    const { question_id } = { ...question, question_id: "6f9619ff-8b86-4d01-b42d-00c04fc964ff" };
    expect((await answer(world, id, { question_id, decision: "allow" })).status).toBe(404);
  });

  test("a job that is cancelled while it asks is dead, and its question closed", async () => {
    const { id, job } = await asking(world);
    await world.call("POST", `/jobs/${id}/cancel`);
    const done = await world.ended(id);
    expect(done).toMatchObject({ status: "cancelled" });
    expect(done).not.toHaveProperty("questions");
    expect(await dataOf(world, id, "question.answered")).toMatchObject([{ decision: "deny", reason: "ended" }]);
    await eventually(() => !world.jobProcesses().includes(Number(job["pid"])), { what: "its processes are gone" });
  });

  test("the time limit of a job goes on while it asks", async () => {
    const cutShort = async (timeout_seconds: number) => {
      const { id } = await world.submit({ task, profile: "careful", timeout_seconds });
      expect(await world.ended(id, 120_000)).toMatchObject({ status: "failed", error_code: "timeout" });
      return { id, asked: await dataOf(world, id, "question.asked") };
    };
    // A busy machine may not come to the question within the first limit.
    let { id, asked } = await cutShort(10);
    if (asked.length === 0) ({ id, asked } = await cutShort(60));
    expect(asked).toHaveLength(1);
    expect(await dataOf(world, id, "question.answered")).toMatchObject([{ reason: "ended" }]);
  });

  test("an interrupting message takes the question back", async () => {
    const { id } = await asking(world);
    const text = "Leave that. [[scenario:text say=left]]";
    expect((await world.call("POST", `/jobs/${id}/messages`, { text, mode: "interrupt" })).status).toBe(202);
    expect(await world.ended(id)).toMatchObject({ status: "succeeded", output: "left" });
    expect(await dataOf(world, id, "question.answered")).toMatchObject([{ decision: "deny", reason: "withdrawn" }]);
  });
});

test.concurrent("kill -9 of the runner while a question is open: the next attempt asks anew, under another id, and the old one is closed", async () => {
  await using world = await aWorld();
  world.write(".agenticore/profiles/careful/profile.yml", careful);
  await world.serve({ direct: true, args: ["--no-runner"] });
  const runner = await world.runner();
  await eventually(async () => (await world.call("GET", "/profiles/careful")).status === 200, {
    what: "the server knows the runner's profile",
  });
  const { id, job, question: old } = await asking(world);
  await runner.killGroup();
  // Nobody knows yet that the runner is gone, so the answer is taken; there is nobody any more to whom it could be given.
  const early = await answer(world, id, { question_id: old.question_id, decision: "allow" });
  expect(early.status).toBe(202);
  await world.runner();

  const isOther = ({ question_id }: Question) => question_id !== old.question_id;
  const again = await world.until(id, (seen) => questionsOf(seen).some(isOther));
  expect(again).toMatchObject({ attempt: 2, session_id: job["session_id"] });
  const [question, ...more] = questionsOf(again);
  expect(more).toEqual([]);
  expect(wrote(again)).toBe(false);
  expect((await answer(world, id, { question_id: old.question_id, decision: "allow" })).status).toBe(409);
  expect((await answer(world, id, { question_id: question?.question_id, decision: "allow" })).status).toBe(202);
  const done = await world.ended(id);

  expect(done).toMatchObject({ status: "succeeded", attempt: 2, output: expect.stringContaining("Ran it.") });
  expect(await dataOf(world, id, "question.answered")).toMatchObject([
    { question_id: old.question_id, decision: "deny", reason: "lost" },
    { question_id: question?.question_id, decision: "allow", reason: "answered" },
  ]);
  expect(world.jobProcesses()).toEqual([]);
});
