import { afterAll, beforeAll, expect, test } from "vitest";
import { aWorld, type World } from "../support/a-world.ts";

/** The one key that the scripted model takes: it comes to it through the broker. */
const key = "made-up-key-of-the-pool";
const token = "sk-ant-oat01-made-up-token-of-the-pool";

let world: World;
beforeAll(async () => {
  world = await aWorld({ ANTHROPIC_API_KEY: key, AGENTICORE_CLAUDE_CREDENTIALS: `${token},${key}` });
  await world.serve({ direct: true });
});
afterAll(() => world[Symbol.asyncDispose]());

test("a job whose credential meets its usage limit goes on with the next at once, in its session; when all are limited it waits", async () => {
  const task = "Go. [[scenario:usage-limit failures=1 resets=3600 then=text say=fine]]";
  const { id } = await world.submit({ task, max_attempts: 1 });
  const job = await world.ended(id, 30_000);
  expect(job).toMatchObject({
    status: "succeeded",
    attempt: 2,
    attempts: [{ reason: "waiting" }, { reason: "ended" }],
  });
  expect(job["output"]).toMatch(/^fine/);
  const asked = world.model.requests().filter(({ session }) => session === job["session_id"]);
  expect(asked.map((request) => request.key)).toEqual(["bearer", "api_key"]);

  // The token is limited for an hour: the next job begins with the key, and that meets its limit too.
  const next = await world.submit({ task: "Go. [[scenario:usage-limit resets=3600]]" });
  const waiting = await world.until(next.id, (seen) => seen["waiting"] !== undefined);
  expect(waiting).toMatchObject({ status: "queued", waiting: { reason: "usage_limit" } });
  expect(Date.parse((waiting["waiting"] as { until: string }).until) - Date.now()).toBeGreaterThan(20_000);
  const again = world.model.requests().filter(({ session }) => session === waiting["session_id"]);
  expect(new Set(again.map((request) => request.key))).toEqual(new Set(["api_key"]));
  await world.call("POST", `/jobs/${next.id}/cancel`);
});
