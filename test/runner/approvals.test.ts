import { expect, test } from "vitest";
import { denials, openApprovals } from "../../runner/approvals.ts";
import { readMessage } from "../../runner/claude/messages.ts";
import type { NewEvent } from "../../shared/event.ts";
import type { JobPatch } from "../../shared/job.ts";
import type { Question } from "../../shared/question.ts";
import { anAnswer } from "../support/a-job.ts";
import { fakeClock } from "../support/fake-clock.ts";

const minute = 60_000;
const line = (content: object) => ({ text: JSON.stringify(content), dropped: 0 });
const wants = (request_id: string, more: object = {}) =>
  line({
    type: "control_request",
    request_id,
    request: { subtype: "can_use_tool", tool_name: "Bash", input: { command: "date" }, tool_use_id: "t1", ...more },
  });

type Facts = Readonly<{ asks?: boolean; flush?: () => Promise<void> }>;

function anAsker({ asks = true, flush = async () => undefined }: Facts = {}) {
  const clock = fakeClock();
  const events: NewEvent[] = [];
  const patches: JobPatch[] = [];
  const delivered: string[] = [];
  const written: Record<string, unknown>[] = [];
  let made = 0;
  const approvals = openApprovals(
    {
      keeper: {
        emit: (...more) => void events.push(...more),
        patch: (patch) => void patches.push(patch),
        delivered: (id) => void delivered.push(id),
        flush,
      },
      write: (text) => void written.push(JSON.parse(text).response),
      timeoutMs: asks ? 30 * minute : undefined,
    },
    {
      clock,
      redact: (text) => text.replaceAll("hunter2", "[secret]"),
      newId: () => `00000000-0000-4000-8000-${String(++made).padStart(12, "0")}`,
    },
  );
  return {
    ...{ approvals, clock, events, delivered, written },
    hear: (...lines: { text: string; dropped: number }[]) => {
      for (const one of lines) approvals.seen(readMessage(one.text), one);
    },
    asked: () => events.flatMap(({ type, data }) => (type === "question.asked" ? [data] : [])),
    ends: () => events.flatMap(({ type, data }) => (type === "question.answered" ? [data] : [])),
    open: (): readonly Question[] => patches.at(-1)?.questions ?? [],
  };
}
const first = "00000000-0000-4000-8000-000000000001";
const passed = () => new Promise((resolve) => setImmediate(resolve));

test("what Claude asks is an event and an open question of the job, with the tool, its input and until when", () => {
  const asker = anAsker();
  asker.hear(wants("r1"));
  const question = {
    question_id: first,
    tool: "Bash",
    tool_use_id: "t1",
    input: '{"command":"date"}',
    until: "2026-03-01T12:30:00.000Z",
  };
  expect(asker.asked()).toEqual([question]);
  expect(asker.open()).toEqual([question]);
  expect(asker.written).toEqual([]);
  expect(asker.approvals.waits()).toBe(true);
});

test("allowed, the tool runs with the very input that it was asked for with, and the question is no longer open", () => {
  const asker = anAsker();
  asker.hear(wants("r1", { input: { command: "echo hunter2" } }));
  asker.approvals.answer(anAnswer(first, { by: "ada" }));
  expect(asker.written).toEqual([
    {
      subtype: "success",
      request_id: "r1",
      response: { behavior: "allow", updatedInput: { command: "echo hunter2" } },
    },
  ]);
  expect(asker.asked()[0]?.input).toBe('{"command":"echo [secret]"}');
  expect(asker.ends()).toEqual([{ question_id: first, decision: "allow", reason: "answered", by: "ada" }]);
  expect(asker.open()).toEqual([]);
  expect(asker.delivered).toEqual([first]);
  expect(asker.approvals.waits()).toBe(false);
});

test("denied, Claude reads why, or that a person has denied it", () => {
  const asker = anAsker();
  asker.hear(wants("r1"), wants("r2"));
  asker.approvals.answer(anAnswer(first, { decision: "deny", text: "Use hunter2 instead" }));
  asker.approvals.answer(anAnswer(asker.open()[0]?.question_id ?? "", { decision: "deny" }));
  expect(asker.written.map(({ response }) => response)).toEqual([
    { behavior: "deny", message: "Use hunter2 instead" },
    { behavior: "deny", message: denials.bare },
  ]);
  expect(asker.ends().map(({ message }) => message)).toEqual(["Use [secret] instead", undefined]);
});

test("unanswered, it is denied when its time is over", async () => {
  const asker = anAsker();
  asker.hear(wants("r1"));
  asker.clock.advance(30 * minute - 1);
  await passed();
  expect(asker.written).toEqual([]);
  asker.clock.advance(1);
  await passed();
  expect(asker.written).toMatchObject([{ response: { behavior: "deny", message: denials.late } }]);
  expect(asker.ends()).toEqual([{ question_id: first, decision: "deny", reason: "timeout" }]);
  expect(asker.approvals.waits()).toBe(false);
});

test("an answer that the store took before the time was over counts, though it comes with the renewal behind it", async () => {
  const asker = anAsker({
    flush: async () => {
      expect(asker.open()).toEqual([]); // from here on the store takes none
      asker.approvals.answer(anAnswer(first));
    },
  });
  asker.hear(wants("r1"));
  asker.clock.advance(30 * minute);
  await passed();
  expect(asker.written).toMatchObject([{ response: { behavior: "allow" } }]);
  expect(asker.ends()).toMatchObject([{ decision: "allow", reason: "answered" }]);
});

test("a store that is away keeps no question open for ever", async () => {
  const asker = anAsker({ flush: () => Promise.reject(new Error("away")) });
  asker.hear(wants("r1"));
  asker.clock.advance(30 * minute);
  await passed();
  expect(asker.ends()).toMatchObject([{ reason: "timeout" }]);
});

test("a question that Claude takes back is closed; an answer to it is acknowledged and given to nobody", () => {
  const asker = anAsker();
  asker.hear(wants("r1"), line({ type: "control_cancel_request", request_id: "r1" }));
  expect(asker.ends()).toMatchObject([{ question_id: first, decision: "deny", reason: "withdrawn" }]);
  asker.approvals.answer(anAnswer(first));
  expect(asker.delivered).toEqual([first]);
  expect(asker.written).toEqual([]);
  expect(asker.ends()).toHaveLength(1);
});

test("the end of the run closes what is open, once, and nothing is asked behind it", () => {
  const asker = anAsker();
  asker.hear(wants("r1"), wants("r2"));
  asker.approvals.end();
  asker.approvals.end();
  asker.hear(wants("r3")); // said before it heard that it ends
  expect(asker.ends()).toMatchObject([{ reason: "ended" }, { reason: "ended" }]);
  expect(asker.asked()).toHaveLength(2);
  expect(asker.open()).toEqual([]);
});

test("a second question under the id of the first, which may be forged, is not listened to", () => {
  const asker = anAsker();
  asker.hear(wants("r1", { input: { command: "rm -rf /" } }), wants("r1", { input: { command: "ls" } }));
  expect(asker.asked().map(({ input }) => input)).toEqual(['{"command":"rm -rf /"}']);
});

test("a long input is cut in what is shown, and not in what runs; one too long to be read whole is denied", () => {
  const asker = anAsker();
  const content = "x".repeat(100_000);
  asker.hear(wants("r1", { input: { content } }));
  expect(asker.asked()[0]?.input.length).toBeLessThan(4_200);
  expect(asker.asked()[0]?.input).toContain("bytes left out]");
  asker.approvals.answer(anAnswer(first));
  expect(asker.written).toMatchObject([{ response: { updatedInput: { content } } }]);

  const cut = { ...wants("r2"), dropped: 5 };
  const torn = { text: `${wants("r3").text.slice(0, 80)}…[9 bytes dropped]…`, dropped: 9 };
  asker.hear(cut, torn);
  expect(asker.asked()).toHaveLength(1);
  expect(asker.written.slice(1)).toMatchObject([
    { request_id: "r2", response: { behavior: "deny", message: denials.tooLong } },
    { request_id: "r3", response: { behavior: "deny", message: denials.tooLong } },
  ]);
});

test("more questions than anybody reads at once are denied, with what to do", () => {
  const asker = anAsker();
  for (let n = 0; n < 20; n += 1) asker.hear(wants(`r${n}`));
  expect(asker.open()).toHaveLength(16);
  expect(asker.written).toHaveLength(4);
  expect(asker.written).toMatchObject(Array(4).fill({ response: { behavior: "deny", message: denials.tooMany } }));
});

test("questions of another kind are answered with an error, so that Claude does not wait", () => {
  const asker = anAsker();
  asker.hear(line({ type: "control_request", request_id: "r1", request: { subtype: "elicitation" } }));
  expect(asker.written).toEqual([{ subtype: "error", request_id: "r1", error: expect.any(String) }]);
  expect(asker.asked()).toEqual([]);
});

test("a Claude that was not told to ask is not listened to", () => {
  const asker = anAsker({ asks: false });
  asker.hear(wants("r1"));
  expect([asker.asked(), asker.written]).toEqual([[], []]);
});

test("an input that is nested deeper than can be shown is denied", () => {
  const asker = anAsker();
  const deep = `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
  const text = wants("r1").text.replace('{"command":"date"}', deep);
  asker.hear({ text, dropped: 0 });
  expect(asker.asked()).toEqual([]);
  expect(asker.written).toEqual([
    { subtype: "success", request_id: "r1", response: { behavior: "deny", message: denials.tooLong } },
  ]);
});
