import { expect, test } from "vitest";
import { startRedis } from "../support/a-redis.ts";
import { aWorld } from "../support/a-world.ts";
import { anSseClient } from "../support/an-mcp-client.ts";
import { eventually } from "../support/eventually.ts";

test("a client of HTTP+SSE goes on while the processes behind its address come and go", async () => {
  await using redis = await startRedis();
  await using world = await aWorld({ REDIS_URL: redis.url });
  const one = await world.serve({ direct: true, args: ["--no-runner"] });
  const two = await world.serve({ direct: true });
  // As behind a load balancer: the address is one, and each request goes where it is sent.
  const at = { streams: one.url, messages: two.url };
  const balanced: typeof fetch = (to, init) => {
    const { pathname, search } = new URL(String(to));
    return fetch(`${init?.method === "POST" ? at.messages : at.streams}${pathname}${search}`, init);
  };
  await using agent = await anSseClient(one.url, { fetch: balanced });
  const submitted = await agent.call("run_task", { task: "Say hello [[scenario:text say=hello]]" });
  const first = (submitted.body["job"] as { id: string }).id;
  const ended = await eventually(
    async () => {
      const { body } = await agent.call("wait_for_job", { job_id: first, until: "end" });
      return body["next"] === undefined ? body : undefined;
    },
    { deadlineMs: 120_000, what: "the job has ended" },
  );
  expect(ended).toMatchObject({ job: { status: "succeeded", output: "hello" } });

  await two.kill();
  const three = await world.serve({ direct: true, args: ["--no-runner"] });
  at.messages = three.url;
  const { body } = await agent.call("run_task", { task: "x" });
  const { id: job_id } = body["job"] as { id: string };

  // The stream's own process ends: whoever waits is answered, and the client comes back to another one.
  const waiting = agent.call("wait_for_job", { job_id, until: "end", timeout_seconds: 50 });
  await agent.call("get_job", { job_id });
  at.streams = three.url;
  expect(await one.end("SIGTERM")).toBe(0);
  expect((await waiting).body).toMatchObject({ job: { id: job_id, status: "queued" } });
  const again = await eventually(() => agent.call("get_job", { job_id }).catch(() => undefined));
  expect(again.body).toMatchObject({ job: { id: job_id, status: "queued" } });
});
