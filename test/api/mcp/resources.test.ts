import { describe, expect, test } from "vitest";
import { Secret } from "../../../shared/secret.ts";
import { aClaim } from "../../support/a-job.ts";
import { anApi, type TestApi } from "../../support/an-api.ts";
import { anMcpClient, type ClientFacts, eras } from "../../support/an-mcp-client.ts";

const clientOf = (api: TestApi, facts?: ClientFacts) => anMcpClient((request) => api.app.fetch(request), facts);
const textOf = ({ contents }: { contents: readonly object[] }) => (contents[0] as { text: string }).text;

describe.each(eras)("a client of the %s revisions", (era) => {
  test("reads a job, its log and what it changed as resources", async () => {
    await using api = await anApi();
    await using mcp = await clientOf(api, { era });
    const id = await api.submit({ task: "Add\na test", repo_url: "https://github.com/acme/widget" });
    const claim = await api.store.claim(aClaim());
    if (!claim) throw new Error("nothing was there to claim");
    const diff = { files: 2, insertions: 5, deletions: 1 };
    await api.store.finish(claim.lease, {
      status: "succeeded",
      patch: { commit: "c0ffee", branch: "agenticore-1", diff },
    });

    const { resources } = await mcp.client.listResources();
    expect(resources).toMatchObject([{ uri: `agenticore://jobs/${id}`, title: "Add a test" }]);
    const { resourceTemplates } = await mcp.client.listResourceTemplates();
    expect(resourceTemplates.map(({ name }) => name)).toEqual(["job", "log", "diff"]);

    const read = async (rest: string) =>
      textOf(await mcp.client.readResource({ uri: `agenticore://jobs/${id}${rest}` }));
    expect(JSON.parse(await read(""))).toEqual((await api.get(`/jobs/${id}`)).body["job"]);
    expect(JSON.parse(await read("/diff"))).toMatchObject({ branch: "agenticore-1", commit: "c0ffee", diff });
    const log = (await read("/log")).trim().split("\n");
    expect(log.map((line) => JSON.parse(line).type)).toEqual(["job.queued", "job.claimed", "job.succeeded"]);
  });

  test("gets what is not there, and what is another tenant's, as the same absence", async () => {
    await using api = await anApi({ settings: { apiKeys: [new Secret("red-key"), new Secret("blue-key")] } });
    await using red = await clientOf(api, { era, headers: { "x-api-key": "red-key" } });
    await using blue = await clientOf(api, { era, headers: { "x-api-key": "blue-key" } });
    const { body } = await red.call("run_task", { task: "x" });
    const { id } = body["job"] as { id: string };
    const none = "7b5ac5b4-6d3c-4d1c-9d0e-6f5a0f7a9f11";
    expect((await blue.client.listResources()).resources).toEqual([]);
    const messages: string[] = [];
    for (const uri of [
      ...[id, `${id}/log`, `${id}/diff`, none, `${none}/log`].map((rest) => `agenticore://jobs/${rest}`),
      ...["agenticore://jobs/../x", "agenticore://jobs/", "file:///etc/passwd", "x".repeat(10_000)],
    ]) {
      const error = await blue.client.readResource({ uri }).then(
        () => "was there",
        (thrown: Error) => thrown.message,
      );
      messages.push(error.replace(uri, "URI"));
    }
    expect(new Set(messages).size).toBe(1);
    expect(messages[0]).toMatch(/not found/i);
  });

  test("gets prompts that help to write a task and to judge its result", async () => {
    await using api = await anApi();
    await using mcp = await clientOf(api, { era });
    const { prompts } = await mcp.client.listPrompts();
    expect(prompts.map(({ name }) => name)).toEqual(["write_task", "review_job"]);
    const args = { goal: "Faster start", repo_url: "https://github.com/acme/widget" };
    const { messages } = await mcp.client.getPrompt({ name: "write_task", arguments: args });
    expect(messages).toMatchObject([{ role: "user", content: { text: expect.stringContaining("Faster start") } }]);
    await expect(mcp.client.getPrompt({ name: "write_task" })).rejects.toThrow("needs the argument goal");
    await expect(mcp.client.getPrompt({ name: "none" })).rejects.toThrow("There is no prompt named none");
  });
});

test("a log that is too long for a client loses its oldest events, and says how many", async () => {
  await using api = await anApi();
  await using mcp = await clientOf(api);
  const id = await api.submit();
  const claim = await api.store.claim(aClaim());
  if (!claim) throw new Error("nothing was there to claim");
  const events = Array.from({ length: 20 }, (_, at) => ({
    type: "claude.said" as const,
    data: { text: `${at} ${"y".repeat(50_000)}` },
  }));
  for (const event of events) await api.store.renew(claim.lease, { leaseMs: 60_000, events: [event] });
  const log = textOf(await mcp.client.readResource({ uri: `agenticore://jobs/${id}/log` }))
    .trim()
    .split("\n");
  expect(log.length).toBeLessThan(15);
  expect(JSON.parse(log[0] ?? "")).toEqual({ type: "log.dropped", data: { count: 22 - (log.length - 1) } });
  expect(JSON.parse(log.at(-1) ?? "").data.text).toMatch(/^19 /);
});

test("what breaks while resources are read is told as a problem, without its text", async () => {
  await using api = await anApi();
  const broke = () => Promise.reject(new Error("secret"));
  await using broken = await anApi({ store: { ...api.store, list: broke } });
  await using mcp = await clientOf(broken);
  const error = await mcp.client.listResources().catch((thrown: Error) => thrown);
  expect(error).toMatchObject({ code: -32603, data: { code: "internal", success: false } });
  expect(String(error)).not.toContain("secret");
});
