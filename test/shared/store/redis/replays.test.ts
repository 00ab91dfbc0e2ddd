import { afterAll, beforeAll, expect, test } from "vitest";
import type { JobId } from "../../../../shared/job.ts";
import type { RedisWire } from "../../../../shared/store/redis/wire.ts";
import type { JobStore, Lease } from "../../../../shared/store.ts";
import { aClaim, aMessage, aNewJob, anAnswer, anApiKey, aQuestion, aRunner } from "../../../support/a-job.ts";
import { type ARedis, startRedis } from "../../../support/a-redis.ts";
import { readRedis } from "../../../support/redis-snapshot.ts";
import { redisWorld, tcpTo } from "../../../support/redis-world.ts";

let server: ARedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server[Symbol.asyncDispose]());

/** Each script is sent twice, as a wire does whose first reply was lost, and the second answer is the one that is heard. */
function lossy(
  wire: RedisWire,
  seen: (moment: "before" | "once" | "twice", script: string) => Promise<void>,
): RedisWire {
  return {
    ...wire,
    run: async (script, keys, args) => {
      await seen("before", script.name);
      await wire.run(script, keys, args);
      await seen("once", script.name);
      const answer = await wire.run(script, keys, args);
      await seen("twice", script.name);
      return answer;
    },
  };
}

/** A store over such a wire, which remembers what each script did the first time and the second. */
async function lossyWorld() {
  const states: { script: string; before: string; once: string; twice: string }[] = [];
  let state = { script: "", before: "", once: "", twice: "" };
  const world = await redisWorld({
    repoLimit: 1,
    poolLimits: { big: 1 },
    connect: () => tcpTo(server),
    wrap: (wire) =>
      lossy(wire, async (moment, script) => {
        const { ttls, ...all } = await readRedis(wire, world.prefix);
        const text = JSON.stringify(all, (_, value) =>
          value instanceof Map ? [...value].toSorted() : value instanceof Set ? [...value].toSorted() : value,
        );
        state = { ...state, script, [moment]: text };
        if (moment === "twice") states.push(state);
      }),
  });
  return { ...world, states };
}

type Life = Readonly<{ store: JobStore; id: JobId; held: Lease }>;
const said = (...texts: string[]) => texts.map((text) => ({ type: "claude.said", data: { text } }) as const);
const question = aQuestion();
const session = "6f6b7c0e-6d0e-4b3e-9a57-0b3b7a3d2f10";
const facts = { repoKey: "https://h/r", idempotency: { key: "k", body: "b" } };

const steps: readonly (readonly [name: string, step: (life: Life) => Promise<unknown>])[] = [
  ["renew", ({ store, held }) => store.renew(held, { leaseMs: 9_000, events: said("a"), patch: { phase: "cloning" } })],
  ["renew", ({ store, held }) => store.renew(held, { leaseMs: 9_000, patch: { session_id: session, cost_usd: 1 } })],
  [
    "save-session",
    ({ store, id, held }) =>
      store.saveSession(held, { id: session, tenant: "local", repoKey: "https://h/r", job: id, runner: held.runner }),
  ],
  ["message", ({ store, id }) => store.addMessage(id, aMessage())],
  ["renew", ({ store, held }) => store.renew(held, { leaseMs: 9_000, patch: { questions: [question] } })],
  ["answer", ({ store, id }) => store.answer(id, anAnswer(question.question_id))],
  ["renew", ({ store, held }) => store.renew(held, { leaseMs: 9_000, events: said("b"), firstEvent: 1 })],
  ["finish", ({ store, held }) => store.finish(held, { status: "failed", patch: { output: "x" }, events: said("c") })],
  ["retry", ({ store, id }) => store.retry(id)],
  [
    "claim",
    async ({ store, id, held }) =>
      expect(await store.claim(aClaim())).toMatchObject({ job: { id }, lease: { fence: held.fence + 1 } }),
  ],
  [
    "release",
    ({ store, held }) => store.release({ ...held, fence: 2 }, { reason: "waiting", delayMs: 5_000, events: said("d") }),
  ],
  ["cancel", ({ store, id }) => store.cancel(id, { name: "ada" })],
  ["announce", ({ store }) => store.announce(aRunner())],
  ["drain", async ({ store }) => expect(await store.drain("box-1")).toBe(1)],
  ["retire", ({ store }) => store.retire("box-1/a1")],
  ["take-lock", async ({ store }) => expect(await store.takeLock({ name: "l", owner: "o", ttlMs: 9_000 })).toBe(true)],
  ["drop-lock", ({ store }) => store.dropLock({ name: "l", owner: "o" })],
  ["save-key", ({ store }) => store.saveKey(anApiKey())],
  ["mark-key", ({ store }) => store.touchKey(anApiKey().id, "2026-01-02T00:00:00.000Z")],
  ["mark-key", ({ store }) => store.revokeKey(anApiKey().id, "2026-01-02T00:00:00.000Z")],
  ["open-relay", ({ store }) => store.openRelay({ channel: "c", owner: "o", ttlMs: 9_000 })],
  [
    "send-relay",
    async ({ store }) => expect(await store.sendRelay({ channel: "c", owner: "o", id: "1", text: "x" })).toBe("sent"),
  ],
  [
    "take-relay",
    async ({ store }) => expect(await store.takeRelay({ channel: "c", after: 1, ttlMs: 9_000 })).toEqual([]),
  ],
  ["close-relay", ({ store }) => store.closeRelay("c")],
];

test("what is sent again after a lost reply is done once, and is answered as if it were the first", async () => {
  await using world = await lossyWorld();
  const { store, states } = world;
  const first = await store.submit(aNewJob({ ...facts, job: { max_attempts: 3 } }));
  expect(first).toMatchObject({ replayed: false, job: { status: "queued", queue_position: 1 } });
  await store.submit(aNewJob({ repoKey: "https://h/r", job: { priority: -1 } }));
  const claim = await store.claim(aClaim());
  if (!claim) throw new Error("nothing was claimed");
  const life: Life = { store, id: claim.job.id, held: claim.lease };
  expect(life.id).toBe(first.job.id);
  const names = steps.map(([name]) => name);
  for (const [, step] of steps) await step(life);

  expect(states.map(({ script }) => script)).toEqual(["submit", "submit", "claim", ...names]);
  for (const { script, before, once, twice } of states) {
    expect.soft(once, `${script} did something`).not.toBe(before);
    expect.soft(twice, `${script} did nothing more`).toBe(once);
  }
});

test("a crash that is told twice is one loss", async () => {
  await using world = await lossyWorld();
  const { store } = world;
  const { job } = await store.submit(aNewJob({ job: { max_attempts: 2 } }));
  const claim = await store.claim(aClaim());
  if (!claim) throw new Error("nothing was claimed");

  expect(await store.release(claim.lease, { reason: "crashed" })).toMatchObject({
    status: "queued",
    attempts: [{ number: 1 }],
  });
  expect((await store.events(job.id, {})).events.map(({ type }) => type)).toEqual([
    "job.queued",
    "job.claimed",
    "lease.lost",
    "job.queued",
  ]);
});

test("a retry or a release told again after a runner has taken the job changes nothing, and is answered", async () => {
  const sent: Parameters<RedisWire["run"]>[] = [];
  await using world = await redisWorld({
    connect: () => tcpTo(server),
    wrap: (wire) => ({
      ...wire,
      run: (...call) => {
        sent.push(call);
        return wire.run(...call);
      },
    }),
  });
  const { store, wire } = world;
  const { job } = await store.submit(aNewJob());
  await store.cancel(job.id, { name: "ada" });
  await store.retry(job.id);
  const retry = sent.at(-1);
  const claim = await store.claim(aClaim());
  if (!claim || !retry) throw new Error("nothing was claimed");
  await store.release(claim.lease, { reason: "drained" });
  const release = sent.at(-1);
  await store.claim(aClaim({ runner: "box-2/b" }));
  const before = await store.events(job.id, {});

  for (const call of [retry, release])
    expect((await wire.run(...(call ?? retry)))?.toString()).toMatch(/^(job|released),/);
  expect(await store.events(job.id, {})).toEqual(before);
  expect(await store.get(job.id)).toMatchObject({ status: "running", attempt: 2 });
});
