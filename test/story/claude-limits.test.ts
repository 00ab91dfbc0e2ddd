import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aWorld, type World } from "../support/a-world.ts";

let world: World;
beforeAll(async () => {
  world = await aWorld({ CLAUDE_CODE_MAX_RETRIES: "2" });
  await world.serve({ direct: true });
});
afterAll(() => world[Symbol.asyncDispose]());

describe.concurrent("the model's service is not always well", () => {
  test("two refusals for too many requests are told as retries, and the job succeeds in its first attempt", async () => {
    const { id } = await world.submit({ task: "Go. [[scenario:rate-limited failures=2 then=text say=fine]]" });
    const job = await world.ended(id);

    expect(job).toMatchObject({ status: "succeeded", attempt: 1, output: "fine" });
    const retries = (await world.events(id)).filter(({ type }) => type === "claude.retrying");
    expect(retries).toMatchObject([{ data: { attempt: 1, status: 429 } }, { data: { attempt: 2, status: 429 } }]);
  });

  test("an overloaded service delays the job by about half a minute, and it says until when", async () => {
    const { id } = await world.submit({ task: "Go. [[scenario:overloaded]]" });
    const job = await world.until(id, (seen) => seen["waiting"] !== undefined);

    expect(job).toMatchObject({ status: "queued", waiting: { reason: "backoff" }, attempts: [{ reason: "waiting" }] });
    const waitMs = Date.parse((job["waiting"] as { until: string }).until) - Date.now();
    expect(waitMs).toBeGreaterThan(10_000);
    expect(waitMs).toBeLessThan(50_000);
    await world.call("POST", `/jobs/${id}/cancel`);
  });

  test.for(["reset", "end", "event"])(
    "a stream that breaks off (%s) is asked for again, and the work is done once",
    async (how) => {
      const task = `Go. [[scenario:cut how=${how} at=0 then=many-turns turns=2]]`;
      const { id } = await world.submit({ task });
      const job = await world.ended(id);

      expect(job).toMatchObject({ status: "succeeded", attempt: 1, output: "Took 2 turns." });
      const tools = (await world.events(id)).filter(({ type }) => type === "tool.started");
      expect(tools).toHaveLength(2);
    },
  );

  test("a server error for ever is no fault of the task: it waits", async () => {
    const { id } = await world.submit({ task: "Go. [[scenario:server-error]]" });
    expect(await world.until(id, (job) => job["waiting"] !== undefined)).toMatchObject({
      status: "queued",
      waiting: { reason: "backoff" },
    });
    await world.call("POST", `/jobs/${id}/cancel`);
  });
});
