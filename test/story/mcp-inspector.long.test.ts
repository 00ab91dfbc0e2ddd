import { resolve } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { aWorld } from "../support/a-world.ts";
import { anInspector } from "../support/an-inspector.ts";

const program = resolve(import.meta.dirname, "../../bin/agenticore.js");
const key = "a-made-up-key-for-the-inspector";
const header = ["--header", `Authorization: Bearer ${key}`];
let inspect: Awaited<ReturnType<typeof anInspector>>;

beforeAll(async () => {
  inspect = await anInspector();
}, 300_000);

test("the inspector lists and calls over each transport, with the revisions of both eras", async () => {
  await using world = await aWorld({ AGENTICORE_API_KEYS: key, AGENTICORE_API_KEY: key });
  const { url } = await world.serve({ direct: true });
  const ways = [[`${url}/mcp`], [`${url}/mcp`, "--protocol-era", "modern"], [`${url}/sse`, "--transport", "sse"]];
  for (const way of ways) {
    const listed = await inspect(...way, ...header, "--method", "tools/list", "--strict");
    expect(listed.code, listed.said).toBe(0);
    const { tools } = listed.answer["result"] as { tools: readonly { name: string }[] };
    expect(tools.map(({ name }) => name)).toEqual(expect.arrayContaining(["run_task", "get_job", "wait_for_job"]));

    const task = `task=Say hello [[scenario:text say=hello]]`;
    const called = await inspect(
      ...[...way, ...header, "--method", "tools/call", "--tool-name", "run_task"],
      ...["--tool-arg", task, "wait=true"],
    );
    expect(called.code, called.said).toBe(0);
    expect(called.said).toContain('"output":"hello"');

    const prompts = await inspect(...way, ...header, "--method", "prompts/list");
    expect(prompts.code, prompts.said).toBe(0);
  }
  const { body } = await world.call("GET", "/jobs?status=succeeded");
  expect(body["count"]).toBe(ways.length);

  const stranger = await inspect(`${url}/mcp`, "--header", "Authorization: Bearer another", "--method", "tools/list");
  expect(stranger.code).not.toBe(0);
  expect(stranger.answer).toMatchObject({ error: { code: "auth_required" } });
});

test("the inspector starts Agenticore as its own server", async () => {
  await using world = await aWorld();
  const env = Object.entries(world.env).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
  const listed = await inspect(
    ...["--protocol-era", "modern", ...env, "--method", "tools/list"],
    ...["--", process.execPath, program, "serve", "--transport", "stdio"],
  );
  expect(listed.code, listed.said).toBe(0);
  expect(JSON.stringify(listed.answer["result"])).toContain('"name":"run_task"');
});
