import { afterAll, beforeAll, expect, test } from "vitest";
import { aWorld, type SeenJob, type World } from "../support/a-world.ts";

let world: World;
beforeAll(async () => {
  // Claude tells when a limit ends only to who is logged in with a subscription (measured).
  const login = { ANTHROPIC_API_KEY: "", CLAUDE_CODE_OAUTH_TOKEN: "made-up-token-for-tests" };
  world = await aWorld({ ...login, AGENTICORE_MAX_PARALLEL_JOBS: "2" });
  await world.serve({ direct: true });
});
afterAll(() => world[Symbol.asyncDispose]());

const typesOf = async (id: string) => (await world.events(id)).map(({ type }) => type);

/**
 * A job that waits for exactly the time that the model named. Claude must have ended before that time, which a busy
 * machine may fail at: then another job, with more time. @throws Error when none waited so.
 */
async function aLimitedJob(gate: string): Promise<Readonly<{ id: string; waiting: SeenJob }>> {
  for (const resets of [6, 30, 90]) {
    const { id } = await world.submit({
      task: `Go. [[scenario:usage-limit until=${gate} resets=${resets} then=text say=fine]]`,
      max_attempts: 1,
    });
    const waiting = await world.until(id, (job) => job["waiting"] !== undefined);
    const asked = world.model.requests().findLast(({ session }) => session === waiting["session_id"]);
    const toldMs = Date.parse((waiting["waiting"] as { until: string }).until) - Date.parse(asked?.at ?? "");
    if (waiting["attempt"] === 1 && toldMs > (resets - 2) * 1_000 && toldMs <= resets * 1_000) return { id, waiting };
    await world.call("POST", `/jobs/${id}/cancel`);
  }
  throw new Error("no job waited until the time that the model named");
}

test.concurrent("a usage limit gives the job back to the queue until the limit ends; then the same session goes on, the task said once, no attempt burnt", async () => {
  const { id, waiting } = await aLimitedJob("limit-over");
  world.model.release("limit-over");
  expect(waiting).toMatchObject({ status: "queued", waiting: { reason: "usage_limit" } });

  const job = await world.ended(id, 150_000);

  expect(job).toMatchObject({ status: "succeeded", attempt: 2, session_id: waiting["session_id"] });
  expect(job["output"]).toMatch(/^fine/);
  expect(job["waiting"]).toBeUndefined();
  expect(job["attempts"]).toMatchObject([{ reason: "waiting" }, { reason: "ended" }]);
  expect(await typesOf(id)).toContain("job.delayed");
  const asked = world.model.requests().filter(({ session }) => session === job["session_id"]);
  expect(asked.at(-1)?.userTexts.filter((text) => text.includes("usage-limit"))).toHaveLength(1);
});

test.concurrent("a job that waits for a far limit can be cancelled", async () => {
  const { id } = await world.submit({ task: "Go. [[scenario:usage-limit resets=7200]]" });
  await world.until(id, (job) => job["waiting"] !== undefined);

  const cancelled = await world.call("POST", `/jobs/${id}/cancel`);

  expect(cancelled.body["job"]).toMatchObject({ status: "cancelled" });
  expect((cancelled.body["job"] as Record<string, unknown>)["waiting"]).toBeUndefined();
  expect((await typesOf(id)).at(-1)).toBe("job.cancelled");
});

test.concurrent("a job that waits for its limit takes no slot from others", async () => {
  const waiting = await Promise.all(
    [1, 2].map(() => world.submit({ task: "Go. [[scenario:usage-limit resets=7200]]" })),
  );
  for (const { id } of waiting) await world.until(id, (job) => job["waiting"] !== undefined);
  const { id } = await world.submit({ task: "Go. [[scenario:text say=mine]]" });
  expect(await world.ended(id)).toMatchObject({ status: "succeeded", output: "mine" });
});
