import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { aWorld } from "../support/a-world.ts";
import { type ClaudeEvent, runClaude } from "../support/claude-cli.ts";

const program = resolve(import.meta.dirname, "../../bin/agenticore.js");
const key = "a-key-of-the-test";

/** The tools that the CLI called, and what each was answered. */
const answersIn = (events: readonly ClaudeEvent[]): string[] =>
  events.flatMap((event) => {
    const content = (event["message"] as { content?: unknown } | undefined)?.content;
    return Array.isArray(content)
      ? content.flatMap((block) => (block.type === "tool_result" ? [JSON.stringify(block)] : []))
      : [];
  });

test.concurrent.each(["http", "sse", "stdio"])(
  "Claude Code submits a task over MCP by %s, waits for it and reads the result",
  async (how) => {
    await using world = await aWorld(how === "stdio" ? {} : { AGENTICORE_API_KEYS: key });
    const { url } = how === "stdio" ? { url: "" } : await world.serve({ direct: true });
    const cwd = join(world.home, "desk");
    mkdirSync(cwd);
    const server =
      how === "stdio"
        ? {
            type: "stdio",
            command: process.execPath,
            args: [program, "serve", "--transport", "stdio"],
            env: world.env,
          }
        : {
            type: how,
            url: how === "http" ? `${url}/mcp` : `${url}/sse`,
            headers: { Authorization: `Bearer ${key}` },
          };
    const done = await runClaude("Have it done. [[scenario:delegate say=well-done]]", {
      url: world.model.url,
      cwd,
      home: join(world.home, "person"),
      permissions: ["--allowedTools", "mcp__agenticore"],
      args: ["--mcp-config", JSON.stringify({ mcpServers: { agenticore: server } })],
      env: { ANTHROPIC_API_KEY: world.env["ANTHROPIC_API_KEY"] ?? "" },
    });

    const init = done.events().find(({ subtype }) => subtype === "init");
    expect(init).toMatchObject({ mcp_servers: [{ name: "agenticore", status: "connected" }] });
    expect(init?.["tools"]).toEqual(
      expect.arrayContaining(["mcp__agenticore__run_task", "mcp__agenticore__wait_for_job"]),
    );
    expect(answersIn(done.events()).join()).toContain("job.succeeded");
    expect(done.result).toMatchObject({ subtype: "success", result: "The job ended: well-done" });
  },
);
