import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { expect, test } from "vitest";
import { aWorld } from "../support/a-world.ts";
import { eras, mcpClient, negotiation } from "../support/an-mcp-client.ts";
import { eventually } from "../support/eventually.ts";

const program = resolve(import.meta.dirname, "../../bin/agenticore.js");

test.each(eras)(
  "a client of the %s revisions starts Agenticore as its own server, and a job runs to its end",
  async (era) => {
    await using world = await aWorld();
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [program, "serve", "--transport", "stdio"],
      env: { ...world.env },
      stderr: "pipe",
    });
    const client = new Client({ name: "test", version: "1" }, negotiation(era));
    await client.connect(transport);
    const { pid } = transport;
    const { call } = mcpClient(client);
    const { body } = await call("run_task", { task: "Say hello [[scenario:text say=hello]]", wait: true });
    expect(body).toMatchObject({ success: true, job: { status: "succeeded", output: "hello" } });
    await client.close();
    await eventually(() => !isAlive(pid ?? 0));
    expect(world.processes()).toEqual([]);
  },
);

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test("standard output carries the protocol alone, rubbish on standard input ends nothing, and its end ends all with 0", async () => {
  await using world = await aWorld({ AGENTICORE_TRANSPORT: "stdio" });
  const child = spawn(process.execPath, [program, "serve", "--no-runner"], { env: { ...world.env } });
  let stdout = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk));
  const ended = new Promise<number | null>((done) => child.once("close", done));
  const initialize = {
    ...{ jsonrpc: "2.0", id: 1, method: "initialize" },
    params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "t", version: "1" } },
  };
  child.stdin.write(`rubbish\n{"jsonrpc":"1.0"}\n[1]\n${JSON.stringify(initialize)}\n`);
  child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id: 2, method: "tools/list", params: {} })}\n`);
  await eventually(() => stdout.includes('"id":2'));
  child.stdin.end();
  expect(await ended).toBe(0);
  const answers = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(answers.every(({ jsonrpc }) => jsonrpc === "2.0")).toBe(true);
  expect(answers.find(({ id }) => id === 1)).toMatchObject({ result: { serverInfo: { name: "agenticore" } } });
});
