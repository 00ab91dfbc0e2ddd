import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sampleRepo } from "../support/a-repo.ts";
import type { Served } from "../support/a-server.ts";
import { aWorld, type World } from "../support/a-world.ts";
import { eventually } from "../support/eventually.ts";

/** No shape of a well-known key: nothing but its value can give it away, or take it out of a text. */
const realKey = "made-up-key-that-no-job-may-see";

let world: World;
let server: Served;
beforeAll(async () => {
  world = await aWorld({ ANTHROPIC_API_KEY: realKey, CLAUDE_CODE_MAX_RETRIES: "1" });
  server = await world.serve({ direct: true });
});
afterAll(() => world[Symbol.asyncDispose]());

const ask = async (url: string, key: string, path = "/v1/messages") => {
  const headers = { "x-api-key": key };
  const answer = await fetch(`${url}${path}`, { method: "POST", headers, body: '{"model":"m","messages":[]}' });
  return answer.status;
};
/** Files below the home that hold the text: the database, run files, configurations, conversations, work. */
function filesWith(text: string): string[] {
  const found = spawnSync("grep", ["-rlaF", "-e", text, world.home], { encoding: "utf8" });
  return found.stdout.split("\n").filter((line) => line !== "");
}
/** Environments and arguments of all processes of jobs. */
const processes = (): string[] =>
  world
    .jobProcesses()
    .flatMap((pid) => ["environ", "cmdline"].map((file) => readFileSync(`/proc/${pid}/${file}`, "utf8")));

test("the model's key is in no environment, argument or file of a job, nor in its events and the log; a placeholder serves it, and nobody after it", async () => {
  await using repo = await sampleRepo();
  const command = "env | tee env.txt; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline > processes.txt";
  const task = `Look. [[scenario:run command="${command}"]] [[hold:seen@1]]`;
  const { id } = await world.submit({ task, repo_url: repo.path });
  await world.model.waitFor(({ scenario, step }) => scenario === "run" && step === 1);

  const all = processes();
  expect(all.filter((text) => text.includes("ANTHROPIC_API_KEY=agenticore-")).length).toBeGreaterThan(0);
  expect(all.filter((text) => text.includes(realKey))).toEqual([]);
  expect(filesWith("ANTHROPIC_API_KEY=agenticore-").map((path) => basename(path))).toEqual(
    expect.arrayContaining(["env.txt", "processes.txt"]),
  );
  expect(filesWith(realKey)).toEqual([]);
  const output = await eventually(
    async () => (await world.events(id)).find(({ type }) => type === "tool.ended")?.data["output"],
  );
  expect(output).not.toContain("[redacted]"); // there was nothing to take out
  const variable = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(String(output))?.[1] ?? "";
  const [url, placeholder] = [variable("ANTHROPIC_BASE_URL"), variable("ANTHROPIC_API_KEY")];
  expect(await ask(url, placeholder, "/v1/files")).toBe(404);
  expect(await ask(url, realKey)).toBe(401);
  expect(await ask(url, placeholder)).toBe(200);

  world.model.release("seen");
  const job = await world.ended(id);

  expect(job).toMatchObject({ status: "succeeded", attempt: 1 });
  expect(await ask(url, placeholder)).toBe(401);
  expect(filesWith(realKey)).toEqual([]);
  expect(JSON.stringify([job, await world.events(id)])).not.toContain(realKey);
  expect(server.stderr()).not.toContain(realKey);
  // The model takes no other key than the real one.
  const asked = world.model.requests().filter(({ session }) => session === job["session_id"]);
  expect(asked.map(({ key }) => key)).toEqual(["api_key", "api_key"]);
});

test("a key that the service refuses is told as before", async () => {
  const { id } = await world.submit({ task: "Go. [[scenario:unauthorized]]" });
  expect(await world.ended(id)).toMatchObject({ status: "failed", error_code: "claude_not_logged_in" });
});

test("where the broker is switched off Claude has the key itself", async () => {
  await using second = await aWorld({ ANTHROPIC_API_KEY: realKey, AGENTICORE_KEY_BROKER: "false" });
  await second.serve({ direct: true });
  const { id } = await second.submit({ task: "Look. [[scenario:run command=env]]" });
  expect(await second.ended(id)).toMatchObject({ status: "succeeded" });
  const output = (await second.events(id)).find(({ type }) => type === "tool.ended")?.data["output"];
  expect(output).toContain("ANTHROPIC_API_KEY=[redacted]");
  expect(output).toContain(`ANTHROPIC_BASE_URL=${second.model.url}`);
});
