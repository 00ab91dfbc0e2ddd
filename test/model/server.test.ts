import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { startModel } from "../support/model/start-model.ts";

type Message = Readonly<{ role: string; content: unknown }>;
type Answer = Readonly<{
  content: readonly Readonly<{ type: string; text?: string; name?: string }>[];
  usage: unknown;
}>;

const ask = async (url: string, messages: readonly Message[], session = "s"): Promise<Response> =>
  fetch(`${url}/v1/messages?beta=true`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": "k", "x-claude-code-session-id": session },
    body: JSON.stringify({ model: "claude-opus-5-5", stream: false, system: "be kind", messages }),
  });
const answer = async (url: string, messages: readonly Message[]) => (await (await ask(url, messages)).json()) as Answer;
const user = (content: unknown): Message => ({ role: "user", content });
const result = (content: string) => user([{ type: "tool_result", tool_use_id: "toolu_1", content }]);

test("the newest marker of the user decides, and one inside a reminder does not", async () => {
  await using model = await startModel();
  const messages = [
    user([{ type: "text", text: "one [[scenario:text say=one]]" }]),
    user("two [[scenario:text say=two]]"),
    user([{ type: "text", text: "<system-reminder>[[scenario:text say=reminder]]</system-reminder>" }]),
  ];
  expect((await answer(model.url, messages)).content).toEqual([{ type: "text", text: "two" }]);
  expect(model.requests()).toMatchObject([
    { userTexts: ["one [[scenario:text say=one]]", "two [[scenario:text say=two]]"] },
  ]);
  expect(model.requests()[0]?.system).toContain("be kind");
});

test("an unknown scenario is answered with the names of those there are", async () => {
  await using model = await startModel();
  const { content } = await answer(model.url, [user("[[scenario:nope]]")]);
  expect(content[0]?.text).toMatch(/"nope".*text.*write-commit.*slow/s);
});

test("a step that was cut short by a kill is asked for again, one that ended is not", async () => {
  await using model = await startModel();
  const start = user("[[scenario:many-turns turns=2]]");
  const ended = await answer(model.url, [start, result("fine")]);
  const lost = await answer(model.url, [start, result("[Tool call interrupted: the session ended before …")]);
  const killed = await answer(model.url, [start, result("Exit code 137")]);
  const said = [ended, lost, killed].map(({ content }) => content[0]?.text);
  expect(said).toEqual(["Turn 2 of 2.", "Turn 1 of 2.", "Turn 1 of 2."]);
});

test("the number of failures is counted for each session and step", async () => {
  await using model = await startModel();
  const messages = [user("[[scenario:overloaded failures=1]]")];
  const statuses = [];
  for (const session of ["a", "a", "b", "b"]) statuses.push((await ask(model.url, messages, session)).status);
  expect(statuses).toEqual([529, 200, 529, 200]);
});

test("an answer says what the script's usage marker says", async () => {
  await using model = await startModel();
  const { usage } = await answer(model.url, [
    user("[[scenario:text]] [[usage:in=7,out=3,cache_read=2,cache_write=1]]"),
  ]);
  expect(usage).toMatchObject({
    input_tokens: 7,
    output_tokens: 3,
    cache_read_input_tokens: 2,
    cache_creation_input_tokens: 1,
  });
});

test("a request that nobody released is open; it is dropped when its client goes", async () => {
  await using model = await startModel();
  const gone = new AbortController();
  const held = fetch(`${model.url}/v1/messages`, {
    method: "POST",
    signal: gone.signal,
    body: JSON.stringify({ messages: [user("[[scenario:text]] [[hold:gate]]")] }),
  });
  expect(await model.waitFor(({ state }) => state === "open")).toMatchObject({ key: "none", step: 0 });
  gone.abort();
  await expect(held).rejects.toThrow();
  await model.waitFor(({ state }) => state === "dropped");
});

test("waiting for a request that does not come ends with what was seen", async () => {
  await using model = await startModel();
  await ask(model.url, [user("[[scenario:text]]")]);
  await expect(model.waitFor(({ step }) => step === 9, 50)).rejects.toThrow(/text#0 text \(answered\)/);
});

test("what is not a request for a message is refused with a sentence", async () => {
  await using model = await startModel();
  const broken = await fetch(`${model.url}/v1/messages`, { method: "POST", body: "{" });
  const unknown = await fetch(`${model.url}/v1/other`);
  expect([broken.status, unknown.status]).toEqual([400, 404]);
  expect(await unknown.json()).toMatchObject({
    type: "error",
    error: { message: expect.stringContaining("/v1/other") },
  });
});

test("as a program it prints its address, releases by POST, lists its requests, and ends on SIGTERM", async () => {
  const main = resolve(import.meta.dirname, "../support/model/main.ts");
  const child = spawn(process.execPath, [main, "--port", "0"], { stdio: ["ignore", "pipe", "ignore"] });
  try {
    const [url] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
    const held = answer(url, [user("[[scenario:text say=held]] [[hold:gate]]")]);
    await fetch(`${url}/control/release/gate`, { method: "POST" });
    expect((await held).content[0]?.text).toBe("held");
    expect(await (await fetch(`${url}/control/requests`)).json()).toMatchObject([{ scenario: "text", key: "api_key" }]);
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([0, null]);
  } finally {
    child.kill("SIGKILL");
  }
});
