import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { carrySession } from "../../runner/carry-session.ts";
import { keptAt } from "../../runner/claude/transcripts.ts";
import type { SessionCopies } from "../../runner/session-copies.ts";
import { AppError, LeaseLost } from "../../shared/error.ts";
import { silentLog } from "../../shared/log.ts";
import { aJobId } from "../support/a-job.ts";
import { eventually } from "../support/eventually.ts";
import { fakeClock } from "../support/fake-clock.ts";

const sessionId = "6f6b7c0e-6d0e-4b3e-9a57-0b3b7a3d2f10";

/** What stands in each conversation in which something was said. */
const begun = '{"type":"user"}\n';

/** A job whose Claude writes; its copies are noted as they are made. */
function aTalk(fails: () => Error | undefined = () => undefined) {
  const root = mkdtempSync(join(tmpdir(), "agenticore-carry-"));
  const [configDir, sessions] = [join(root, "claude"), join(root, "sessions")];
  mkdirSync(join(configDir, "projects/-tree"), { recursive: true });
  const copied: string[] = [];
  const state = { packedBytes: 100, alone: undefined as string | undefined };
  const copies: SessionCopies = {
    bring: async () => undefined,
    keep: async (_, { file }) => {
      const error = fails();
      if (error) throw error;
      copied.push(readFileSync(file, "utf8").replace(begun, ""));
      const { packedBytes, alone } = state;
      return { packedBytes, ...(alone === undefined ? {} : { alone }) };
    },
  };
  const clock = fakeClock();
  const lease = { job: aJobId(), runner: "box-1/a1", fence: 1 };
  const talk = { lease, configDir, sessions, sessionId };
  const carried = carrySession(talk, { copies, clock, log: silentLog, times: { urgentMs: 5_000 } });
  const writes = (text: string) =>
    writeFileSync(join(configDir, "projects/-tree", `${sessionId}.jsonl`), `${begun}${text}`);
  return {
    ...{ carried, clock, copied, state, writes },
    says: (text: string) => {
      writes(text);
      carried.said();
    },
    kept: () => readFileSync(keptAt(sessions, sessionId), "utf8").replace(begun, ""),
    signal: new AbortController().signal,
    [Symbol.asyncDispose]: async () => {
      await carried[Symbol.asyncDispose]();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

test("what is said goes to the store at once, then every 5 s with all that came since", async () => {
  await using talk = aTalk();
  talk.says("one");
  await eventually(() => talk.copied.length === 1 && talk.clock.sleepers() === 1);
  talk.says("two");
  talk.says("three");
  talk.clock.advance(4_999);
  expect(talk.copied).toEqual(["one"]);
  talk.clock.advance(1);
  await eventually(() => talk.copied.length === 2);
  expect(talk.copied).toEqual(["one", "three"]);
});

test("what Claude writes only after it was heard goes to the store too, though nothing more is said", async () => {
  await using talk = aTalk();
  talk.carried.said();
  await eventually(() => talk.clock.sleepers() === 1);
  talk.writes("one");
  talk.clock.advance(250);
  await eventually(() => talk.copied.length === 1 && talk.clock.sleepers() === 1);
  talk.writes("one and two");
  talk.clock.advance(5_000);
  await eventually(() => talk.copied.length === 2);
  expect(talk.copied).toEqual(["one", "one and two"]);
});

test("a long conversation goes more seldom: a second for each 64 KiB", async () => {
  await using talk = aTalk();
  talk.state.packedBytes = 640 * 1024;
  talk.says("one");
  await eventually(() => talk.copied.length === 1 && talk.clock.sleepers() === 1);
  talk.says("two");
  talk.clock.advance(9_999);
  expect(talk.copied).toHaveLength(1);
  talk.clock.advance(1);
  await eventually(() => talk.copied.length === 2);
});

test("where a turn is over a long conversation goes 5 s after its last copy", async () => {
  await using talk = aTalk();
  talk.state.packedBytes = 6_400 * 1024;
  talk.says("one");
  await eventually(() => talk.copied.length === 1 && talk.clock.sleepers() === 1);
  talk.writes("two");
  talk.carried.said(true);
  talk.clock.advance(4_999);
  expect(talk.copied).toHaveLength(1);
  talk.clock.advance(1);
  await eventually(() => talk.copied.length === 2);
  expect(talk.copied).toEqual(["one", "two"]);
});

test("a conversation that Claude never writes is not looked for all the time", async () => {
  await using talk = aTalk();
  talk.carried.said();
  for (let looks = 0; looks < 40; looks += 1) {
    await eventually(() => talk.clock.sleepers() === 1);
    talk.clock.advance(250);
  }
  await eventually(() => talk.clock.sleepers() === 1);
  talk.clock.advance(4_999);
  expect(talk.clock.sleepers()).toBe(1);
  talk.clock.advance(1);
  await eventually(() => talk.clock.sleepers() === 0);
});

test("at the end the whole is kept on the box and in the store; one that stays on the box is told", async () => {
  await using talk = aTalk();
  talk.says("one");
  await eventually(() => talk.copied.length === 1);
  talk.says("two");
  talk.state.alone = "It stays here.";

  expect(await talk.carried.end(talk.signal)).toEqual(["It stays here."]);
  expect(talk.copied.at(-1)).toBe("two");
  expect(talk.kept()).toBe("two");
});

test("a store that is away for a moment gets the end all the same; after a minute the job goes on without, and says so", async () => {
  for (const comesBack of [true, false]) {
    let away = false;
    await using talk = aTalk(() => (away ? new AppError("store_unavailable", "away") : undefined));
    talk.says("one");
    await eventually(() => talk.copied.length === 1);
    away = true;
    talk.says("two");
    const end = talk.carried.end(talk.signal);
    let ended = false;
    void end.finally(() => {
      ended = true;
    });
    await eventually(() => talk.clock.sleepers() === 2);
    if (comesBack) away = false;
    await eventually(() => {
      talk.clock.advance(1_000);
      return ended;
    });

    expect(await end).toEqual(comesBack ? [] : [expect.stringContaining("on this box alone")]);
    expect(talk.copied.at(-1)).toBe(comesBack ? "two" : "one");
    expect(talk.kept()).toBe("two");
  }
});

test("a copy that fails meanwhile ends nothing; at the end a lost lease is told to the attempt", async () => {
  let fails: Error | undefined = new LeaseLost("job");
  await using talk = aTalk(() => fails);
  talk.says("one");
  await expect(talk.carried.end(talk.signal)).rejects.toMatchObject({ name: "LeaseLost" });
  fails = undefined;
  expect(await talk.carried.end(talk.signal)).toEqual([]);
});
