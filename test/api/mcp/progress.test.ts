import { expect, test } from "vitest";
import { aClaim } from "../../support/a-job.ts";
import { anApi, type TestApi } from "../../support/an-api.ts";
import { anMcpClient, type Era, eras } from "../../support/an-mcp-client.ts";
import { eventually } from "../../support/eventually.ts";

const clientOf = (api: TestApi, era: Era) => anMcpClient((request) => api.app.fetch(request), { era });

test.each(eras)("over the %s revisions a call that waits tells what happens to its job meanwhile", async (era) => {
  await using api = await anApi();
  await using mcp = await clientOf(api, era);
  const told: { progress: number; message?: string | undefined }[] = [];
  const onprogress = (progress: (typeof told)[number]) => void told.push(progress);
  const waiting = mcp.client.callTool({ name: "run_task", arguments: { task: "x", wait: true } }, { onprogress });
  const { lease } = await eventually(() => api.store.claim(aClaim()));
  await api.store.renew(lease, {
    leaseMs: 60_000,
    patch: { phase: "running" },
    events: [
      { type: "tool.started", data: { tool: "Bash", tool_use_id: "t", input: "npm test" } },
      { type: "claude.said", data: { text: "y".repeat(2_000) } },
    ],
  });
  await eventually(() => told.some(({ message }) => message === "running"));
  await api.store.finish(lease, { status: "succeeded", patch: {} });
  const { structuredContent } = await waiting;

  expect(structuredContent).toMatchObject({ job: { status: "succeeded" } });
  const messages = told.map(({ message }) => message);
  expect(messages).toEqual(expect.arrayContaining(["queued", "claimed", "Bash npm test", "running"]));
  for (const { message } of told) expect(message?.length).toBeLessThan(400);
  const steps = told.map(({ progress }) => progress);
  expect(steps).toEqual([...new Set(steps)].sort((a, b) => a - b));
});

test("progress of another tenant's job, or of none, is not told, and the call says what is wrong", async () => {
  await using api = await anApi();
  await using mcp = await clientOf(api, "modern");
  const told: unknown[] = [];
  const onprogress = (progress: unknown) => void told.push(progress);
  const call = { name: "wait_for_job", arguments: { job_id: "7b5ac5b4-6d3c-4d1c-9d0e-6f5a0f7a9f11" } };
  expect(await mcp.client.callTool(call, { onprogress })).toMatchObject({ isError: true });
  expect(told).toEqual([]);
});
