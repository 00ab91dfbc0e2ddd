import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { spanIdOf } from "../../../runner/telemetry/trace-id.ts";
import { readTranscript } from "../../../runner/telemetry/transcript/read-transcript.ts";
import { transcriptObservations } from "../../../runner/telemetry/transcript/transcript-observations.ts";
import { aJobId } from "../../support/a-job.ts";

const sessionId = "558b794f-ec31-4262-ae2f-a5c7069711d9";
const start = Date.parse("2026-03-01T12:00:00.000Z");
const job = aJobId();
const line = (seconds: number, message: Record<string, unknown>) =>
  JSON.stringify({
    ...{ type: message["role"], uuid: randomUUID(), message },
    timestamp: new Date(start + seconds * 1_000).toISOString(),
  });
const user = (seconds: number, content: unknown) => line(seconds, { role: "user", content });
const usage = { input_tokens: 10, output_tokens: 2, cache_read_input_tokens: 3, cache_creation_input_tokens: 4 };
const says = (seconds: number, id: string, ...content: readonly unknown[]) =>
  line(seconds, { role: "assistant", id, model: "claude-opus-5-5", content, usage });
const text = (words: string) => ({ type: "text", text: words });
const uses = (id: string, name: string, input: unknown = {}) => ({ type: "tool_use", id, name, input });
const result = (id: string, content: unknown, more: object = {}) => ({
  type: "tool_result",
  tool_use_id: id,
  content,
  ...more,
});

/** A configuration folder with this session in it. */
function aFolder(
  lines: readonly string[],
  agents: Readonly<Record<string, readonly [string, readonly string[]]>> = {},
) {
  const configDir = mkdtempSync(join(tmpdir(), "ac-transcript-"));
  const project = join(configDir, "projects", "-repo");
  const subagents = join(project, sessionId, "subagents");
  mkdirSync(subagents, { recursive: true });
  writeFileSync(join(project, `${sessionId}.jsonl`), `${lines.join("\n")}\n`);
  for (const [name, [toolUseId, said]] of Object.entries(agents)) {
    writeFileSync(join(subagents, `agent-${name}.meta.json`), JSON.stringify({ toolUseId }));
    writeFileSync(join(subagents, `agent-${name}.jsonl`), `${said.join("\n")}\n`);
  }
  return {
    project,
    read: async (sinceMs = start) =>
      transcriptObservations(await readTranscript({ configDir, sessionId }, sinceMs), { job, parent: "attempt" }),
    [Symbol.dispose]: () => rmSync(configDir, { recursive: true, force: true }),
  };
}

test("an answer is a generation with its model, tokens and time, and a tool call has its name, input, result and time", async () => {
  using folder = aFolder([
    user(0, "Do it"),
    says(2, "m1", { type: "thinking", thinking: "hidden" }),
    says(3, "m1", text("I'll look."), uses("t1", "Bash", { command: "ls" })),
    user(7, [result("t1", [text("a.txt")])]),
    says(9, "m2", text("Done.")),
  ]);
  const id = (name: string) => spanIdOf(job, name);
  expect(await folder.read()).toEqual([
    expect.objectContaining({ kind: "event", name: "user", input: "Do it", startMs: start, parent: "attempt" }),
    expect.objectContaining({
      ...{ id: id("answer m1"), kind: "generation", parent: "attempt", model: "claude-opus-5-5" },
      ...{ startMs: start, endMs: start + 3_000, input: "Do it", output: "I'll look.\n[Bash]" },
      usage: { input: 10, output: 2, cache_read_input_tokens: 3, cache_creation_input_tokens: 4 },
    }),
    expect.objectContaining({
      ...{ id: id("tool t1"), kind: "tool", name: "Bash", parent: "attempt", input: { command: "ls" } },
      ...{ output: "a.txt", startMs: start + 3_000, endMs: start + 7_000 },
    }),
    expect.objectContaining({ id: id("answer m2"), input: "a.txt", startMs: start + 7_000, endMs: start + 9_000 }),
  ]);
});

test("a failed tool, one that never ended, and an error of the API are told as such", async () => {
  using folder = aFolder([
    user(0, "Do it"),
    says(1, "m1", uses("bad", "Write")),
    user(2, [result("bad", "no right", { is_error: true })]),
    says(3, "m2", uses("cut", "Bash")),
    line(4, { role: "assistant", id: "m3", model: "<synthetic>", content: [text("API Error: 529")] }),
  ]);
  const found = await folder.read();
  const named = (name: string) => found.filter((one) => one.name === name);
  expect(named("Write")[0]?.trouble).toEqual({ level: "ERROR", message: "Write failed" });
  expect(named("Bash")[0]?.trouble?.level).toBe("WARNING");
  expect(found.at(-1)).toMatchObject({ kind: "generation", trouble: { level: "ERROR", message: "API Error: 529" } });
  expect(found.at(-1)?.model).toBeUndefined();
});

test("what a subagent did hangs under the call that started it, also a subagent's subagent", async () => {
  using folder = aFolder([user(0, "Go"), says(1, "m1", uses("a1", "Agent")), user(9, [result("a1", "looked")])], {
    one: ["a1", [user(2, "Look"), says(3, "m2", uses("a2", "Agent")), user(8, [result("a2", "deeper")])]],
    two: ["a2", [user(4, "Deeper"), says(5, "m3", text("found"))]],
    stray: ["nobody", [user(4, "Stray")]],
  });
  const found = await folder.read();
  const agents = found.filter(({ kind }) => kind === "agent");
  expect(agents.map(({ parent, endMs }) => [parent, endMs])).toEqual([
    ["attempt", start + 9_000],
    [agents[0]?.id, start + 8_000],
  ]);
  expect(found.find(({ output }) => output === "found")).toMatchObject({ parent: agents[1]?.id });
  expect(JSON.stringify(found)).not.toContain("Stray");
});

test("what was said before is not told again", async () => {
  using folder = aFolder([
    user(0, "Earlier"),
    says(1, "m1", text("old")),
    user(10, "Now"),
    says(11, "m2", text("new")),
  ]);
  expect((await folder.read(start + 5_000)).map(({ input }) => input)).toEqual(["Now", "Now"]);
});

test("of more than 2,000 observations the newest are told, and how many are left out", async () => {
  using folder = aFolder(Array.from({ length: 2_100 }, (_, n) => user(n, `said ${n}`)));
  const found = await folder.read();
  expect(found).toHaveLength(2_001);
  expect(found[0]).toMatchObject({ name: "left out", metadata: { left_out: 100 } });
  expect(found.at(-1)?.input).toBe("said 2099");
});

test("garbage, long lines, links and files that are none leave out only themselves", async () => {
  using folder = aFolder([
    "",
    "{",
    "null",
    '{"type":"user"}',
    JSON.stringify({ type: "user", uuid: "x", timestamp: "never", message: { role: "user", content: "No time" } }),
    user(1, "x".repeat(2 * 1024 * 1024)),
    user(2, [null, 7, { type: "image" }, { type: "text" }, text("whole")]),
    line(3, { role: "assistant", content: [uses("t", "T")], usage: { input_tokens: "many" }, model: 7, id: {} }),
  ]);
  const subagents = join(folder.project, sessionId, "subagents");
  symlinkSync("/etc/passwd", join(subagents, "agent-linked.jsonl"));
  writeFileSync(join(subagents, "agent-linked.meta.json"), JSON.stringify({ toolUseId: "t" }));
  mkdirSync(join(subagents, "agent-folder.meta.json"));
  symlinkSync("/dev/zero", join(subagents, "agent-zero.meta.json"));
  const found = await folder.read();
  expect(found.map(({ name }) => name)).toEqual(["user", "assistant", "T"]);
  expect(JSON.stringify(found)).not.toContain("root:");

  rmSync(folder.project, { recursive: true });
  expect(await folder.read()).toEqual([]);
  symlinkSync("/", folder.project);
  expect(await folder.read()).toEqual([]);
});
