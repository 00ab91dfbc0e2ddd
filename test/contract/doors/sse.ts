import { expect, test } from "vitest";
import { anSseClient } from "../../support/an-mcp-client.ts";
import { openSse, postTo } from "../../support/an-sse-stream.ts";
import { eventually } from "../../support/eventually.ts";
import type { Place } from "./door-contract.ts";
import { nodeDoor } from "./door-world.ts";

/** MCP over HTTP+SSE, between this door and another one over the same Redis. */
export function sse({ door, caller, world }: Place): void {
  /** Requests are sent to `posts`, whatever address the client was given. */
  const divided =
    (posts: string): typeof fetch =>
    (to, init) => {
      const { pathname, search } = new URL(String(to));
      return fetch(init?.method === "POST" ? `${posts}${pathname}${search}` : to, init);
    };

  test.each(["this door", "another door"])(
    "a client whose stream is at %s, and whose messages go to the other one, runs a task and is told of progress",
    async (holder) => {
      await using other = await nodeDoor(world().env);
      const [streams, posts] = holder === "this door" ? [door().url, other.url] : [other.url, door().url];
      const me = await caller();
      await using agent = await anSseClient(streams, { headers: me.as, fetch: divided(posts) });
      const { tools } = await agent.client.listTools();
      expect(tools.map(({ name }) => name)).toContain("run_task");
      const { body } = await agent.call("run_task", { task: "Add a test", pool: me.pool, idempotency_key: "k" });
      const job_id = (body["job"] as { id: string }).id;
      const { lease } = await world().claim(me.pool);
      const told: (string | undefined)[] = [];
      const waiting = agent.client.callTool(
        { name: "wait_for_job", arguments: { job_id, until: "end", timeout_seconds: 40 } },
        { onprogress: ({ message }) => void told.push(message) },
      );
      // A second call while the first one waits, on the same stream.
      await agent.call("send_message", { job_id, text: "And the docs", mode: "queue" });
      const events = [{ type: "claude.said", data: { text: "Half way" } }] as const;
      const { messages } = await world().store.renew(lease, { leaseMs: 60_000, events });
      expect(messages).toMatchObject([{ text: "And the docs" }]);
      await eventually(() => told.includes("Half way"));
      await world().store.finish(lease, { status: "succeeded", patch: { output: "It is done." } });
      expect((await waiting).structuredContent).toMatchObject({ job: { status: "succeeded", output: "It is done." } });
    },
  );

  test("a session is its caller's alone, and no stream takes it up again", async () => {
    const [me, stranger] = [await caller(), await caller()];
    const here = (path: string, init?: RequestInit) => fetch(`${door().url}${path}`, init);
    const stream = await openSse(here, me.as);
    const ping = { jsonrpc: "2.0", id: 1, method: "ping" };
    expect(stream.endpoint).toMatch(/^\/messages\?session_id=[0-9a-f]{64}$/);
    expect((await postTo(here, stream.endpoint, ping, stranger.as)).status).toBe(404);
    expect((await postTo(here, stream.endpoint, ping)).status).toBe(401);
    expect((await postTo(here, `${stream.endpoint.slice(0, -1)}x`, ping, me.as)).status).toBe(404);
    expect((await stream.post("{")).status).toBe(400);
    expect(await stream.ask("ping")).toMatchObject({ result: {} });
    expect((await here(`/sse?${stream.endpoint.split("?")[1]}`, { headers: me.as })).status).toBe(400);
    expect((await here("/sse", { headers: { ...me.as, origin: "https://evil.example" } })).status).toBe(403);
    await stream.close();
  });
}
