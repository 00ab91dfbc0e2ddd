import { expect, test } from "vitest";
import type { JobStore, Lease } from "../../../shared/store.ts";
import { aClaim, aJobId, anAnswer, aQuestion } from "../../support/a-job.ts";
import { lease, type OpenWorld, queue, read, refused, settled, take, told } from "./store-world.ts";

export function questionsContract(open: OpenWorld): void {
  test("questions are part of the job while they are open, and no field when there is none", async () => {
    await using world = await open();
    const { store } = world;
    const { id, held } = await running(store);
    const questions = [aQuestion(), aQuestion({ tool: "Write", tool_use_id: "toolu_1" })];

    await ask(store, held, questions);
    expect((await read(store, id)).questions).toEqual(questions);
    expect((await store.list({ limit: 1 })).jobs[0]?.questions).toEqual(questions);

    await ask(store, held, []);
    expect(await read(store, id)).not.toHaveProperty("questions");
  });

  test("an answer wakes the job's runner, and comes with its renewals until it is acknowledged", async () => {
    await using world = await open();
    const { store } = world;
    const { id, held } = await running(store);
    const question = aQuestion();
    await ask(store, held, [question]);
    const answer = anAnswer(question.question_id, { decision: "deny", text: "Not today", by: "ada" });
    const woken = store.changed({ job: id, control: true, timeoutMs: 60_000 });
    const other = await world.another();
    const alsoWoken = other.changed({ job: id, control: true, timeoutMs: 60_000 });

    expect(await store.answer(id, answer, "local")).toMatchObject({ id, questions: [question] });
    await woken; // at once, in the process that has taken it
    await settled(world, alsoWoken);

    const { messages } = await store.renew(held, { leaseMs: lease });
    expect(messages).toEqual([answer]);
    expect((await store.renew(held, { leaseMs: lease })).messages).toEqual([answer]);
    expect((await store.renew(held, { leaseMs: lease, delivered: [answer.id] })).messages).toEqual([]);
    expect(await told(store, id)).toEqual(["job.queued", "job.claimed"]); // what became of it its runner tells
  });

  test("the first answer counts: the same one again is no other, any other one is refused, also after it was acknowledged", async () => {
    await using world = await open();
    const { store } = world;
    const { id, held } = await running(store);
    const question = aQuestion();
    await ask(store, held, [question]);
    const answer = anAnswer(question.question_id);

    await store.answer(id, answer);
    await refused(store.answer(id, anAnswer(answer.id)), "conflict");
    await store.answer(id, answer);
    expect((await store.renew(held, { leaseMs: lease })).messages).toEqual([answer]);

    await store.renew(held, { leaseMs: lease, delivered: [answer.id], patch: { questions: [] } });
    await refused(store.answer(id, anAnswer(answer.id, { decision: "deny" })), "conflict");
    expect(await store.answer(id, answer)).toMatchObject({ id });
    expect((await store.renew(held, { leaseMs: lease })).messages).toEqual([]);
  });

  test("of two answers at once one is taken", async () => {
    await using world = await open();
    const [store, other] = [world.store, await world.another()];
    const { id, held } = await running(store);
    const question = aQuestion();
    await ask(store, held, [question]);
    const answers = [anAnswer(question.question_id), anAnswer(question.question_id, { decision: "deny" })] as const;
    const results = await Promise.allSettled([store.answer(id, answers[0]), other.answer(id, answers[1])]);
    const taken = answers.filter((_, n) => results[n]?.status === "fulfilled");
    expect(taken).toHaveLength(1);
    expect((await store.renew(held, { leaseMs: lease })).messages).toEqual(taken);
  });

  test("what is not asked cannot be answered: another question, another tenant's, a closed one, a job that is not there", async () => {
    await using world = await open();
    const { store } = world;
    const { id, held } = await running(store);
    const [question, other] = [aQuestion(), aQuestion()];
    await refused(store.answer(id, anAnswer(question.question_id)), "not_found");
    await ask(store, held, [question]);

    await refused(store.answer(id, anAnswer(other.question_id)), "not_found");
    await refused(store.answer(id, anAnswer(question.question_id), "red"), "not_found");
    await refused(store.answer(aJobId(), anAnswer(question.question_id)), "not_found");
    await ask(store, held, []);
    await refused(store.answer(id, anAnswer(question.question_id)), "not_found");
    expect((await store.renew(held, { leaseMs: lease })).messages).toEqual([]);
  });

  test("an attempt that is lost takes its questions with it, and its log says so; an answer on its way reaches the next one", async () => {
    await using world = await open();
    const { store } = world;
    const { id, held } = await running(store);
    const [answered, open_] = [aQuestion(), aQuestion()];
    await ask(store, held, [answered, open_]);
    const answer = anAnswer(answered.question_id);
    await store.answer(id, answer);

    await world.advance(lease + 1_000);
    await store.sweep();

    expect(await read(store, id)).not.toHaveProperty("questions");
    await refused(store.answer(id, anAnswer(open_.question_id)), "not_found");
    const { events } = await store.events(id, {});
    const closed = { decision: "deny", reason: "lost" };
    expect(events.slice(2)).toMatchObject([
      { type: "lease.lost" },
      { type: "question.answered", attempt: 1, data: { ...closed, question_id: answered.question_id } },
      { type: "question.answered", attempt: 1, data: { ...closed, question_id: open_.question_id } },
      { type: "job.queued" },
    ]);
    const next = await take(store, aClaim());
    expect(next.job).not.toHaveProperty("questions");
    expect(next.messages).toEqual([answer]);
  });

  test("no ended job has an open question", async () => {
    await using world = await open();
    const { store } = world;
    for (const end of ["finish", "release"] as const) {
      const { id, held } = await running(store);
      await ask(store, held, [aQuestion()]);
      await store.cancel(id, { name: "ada" });
      if (end === "finish") await store.finish(held, { status: "cancelled", patch: {} });
      else await store.release(held, { reason: "drained" });

      const job = await read(store, id);
      expect(job).toMatchObject({ status: "cancelled" });
      expect(job).not.toHaveProperty("questions");
      expect((await told(store, id)).slice(-2)).toEqual(["question.answered", "job.cancelled"]);
    }
  });
}

async function running(store: JobStore) {
  const id = await queue(store);
  const { lease: held } = await take(store);
  return { id, held };
}

const ask = (store: JobStore, held: Lease, questions: readonly ReturnType<typeof aQuestion>[]) =>
  store.renew(held, { leaseMs: lease, patch: { questions: [...questions] } });
