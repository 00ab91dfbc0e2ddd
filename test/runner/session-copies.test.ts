import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { beginSession, findSession } from "../../runner/begin-session.ts";
import { openSessionCopies } from "../../runner/session-copies.ts";
import { aClaim, aNewJob } from "../support/a-job.ts";
import { aConfig } from "../support/a-served-api.ts";
import { sqliteWorld } from "../support/sqlite-world.ts";

const session = "6f6b7c0e-6d0e-4b3e-9a57-0b3b7a3d2f10";
const key = Buffer.alloc(32, 7).toString("hex");
const line = (text: string, uuid: string = randomUUID()) => `{"type":"user","uuid":"${uuid}","text":"${text}"}\n`;

/** Two boxes that share a store, and a job that works in the session; what holds where they share a Redis. */
async function twoBoxes(settings: Readonly<Record<string, string>> = {}) {
  const world = await sqliteWorld();
  const { store } = world;
  const root = mkdtempSync(join(tmpdir(), "agenticore-copies-"));
  const { job } = await store.submit(aNewJob({ job: { session_id: session } }));
  const claim = await store.claim(aClaim());
  if (!claim) throw new Error("there was a job to claim");
  const box = (name: string, own: Readonly<Record<string, string>> = {}) => {
    const env = { REDIS_URL: "redis://localhost", AGENTICORE_SESSION_KEY: key, AGENTICORE_POD_NAME: name };
    const config = aConfig({ ...env, ...settings, ...own });
    const sessions = join(root, name, "sessions");
    const work = join(root, name, "work");
    mkdirSync(work, { recursive: true });
    const copies = openSessionCopies({ store, config, newId: randomUUID, sessions });
    const file = join(sessions, session, `${session}.jsonl`);
    const places = { configDir: join(root, name, "claude"), sessions, sessionId: session };
    return {
      ...{ copies, places, work },
      kept: () => readFileSync(file, "utf8"),
      laid: () =>
        readFileSync(
          join(places.configDir, "projects", work.replace(/[^A-Za-z0-9]/g, "-"), `${session}.jsonl`),
          "utf8",
        ),
      put: (text: string) => {
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, text);
      },
      keep: () => copies.keep(claim.lease, { session, file }),
      bring: () => copies.bring(session),
    };
  };
  return {
    ...{ box, store, job },
    [Symbol.asyncDispose]: async () => {
      await world[Symbol.asyncDispose]();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

test("what one box kept last, another one has; and again, when it went on there and comes back", async () => {
  await using boxes = await twoBoxes();
  const [one, two] = [boxes.box("one"), boxes.box("two")];
  one.put(line("blue"));
  expect(await one.keep()).toEqual({ packedBytes: expect.any(Number) });
  expect(await two.bring()).toBeUndefined();
  expect(two.kept()).toBe(one.kept());

  two.put(line("blue") + line("green"));
  await two.keep();
  expect(await one.bring()).toBeUndefined();
  expect(one.kept()).toBe(two.kept());
});

test("what a box has said since its last copy is not put back by that copy", async () => {
  await using boxes = await twoBoxes();
  const one = boxes.box("one");
  one.put(line("blue"));
  await one.keep();
  one.put(line("blue") + line("not copied yet"));
  expect(await one.bring()).toBeUndefined();

  expect(one.kept()).toContain("not copied yet");
});

test("nothing readable reaches the store where there is a key", async () => {
  await using boxes = await twoBoxes();
  const one = boxes.box("one");
  one.put(line("a-secret-word ".repeat(3)));
  await one.keep();

  const stored = await boxes.store.findTranscript(session);
  expect(stored).toMatchObject({ box: "one", data: expect.stringMatching(/^e1:/) });
});

test("without a key a conversation stays on its box where Redis is reached over HTTP, and every other box says where it is", async () => {
  await using boxes = await twoBoxes({ AGENTICORE_SESSION_KEY: "", REDIS_URL: "https://redis.example" });
  const [one, two] = [boxes.box("one"), boxes.box("two")];
  one.put(line("blue"));
  expect(await one.keep()).toEqual({
    packedBytes: 0,
    alone: expect.stringContaining("without AGENTICORE_SESSION_KEY"),
  });

  expect((await boxes.store.findTranscript(session))?.data).toBeUndefined();
  expect(await two.bring()).toContain("went on on the box one");
  expect(await one.bring()).toBeUndefined();
});

test("one that is too long stays on its box and says so; an older copy elsewhere is not taken for it", async () => {
  await using boxes = await twoBoxes();
  const [one, two] = [boxes.box("one"), boxes.box("two")];
  one.put(line("blue"));
  await one.keep();
  await two.bring();
  one.put("\n".repeat(65 * 1024 * 1024));
  expect(await one.keep()).toMatchObject({ packedBytes: 0, alone: expect.stringContaining("65 MiB") });

  expect(await two.bring()).toContain("the box one");
});

test("another box with another key says what to do", async () => {
  await using boxes = await twoBoxes();
  const [one, two] = [boxes.box("one"), boxes.box("two", { AGENTICORE_SESSION_KEY: "0f".repeat(32) })];
  one.put(line("blue"));
  await one.keep();

  expect(await two.bring()).toContain("Give all runners the same AGENTICORE_SESSION_KEY");
});

test("the embedded store gets no copies: it is on the box where the conversations are", async () => {
  await using boxes = await twoBoxes({ REDIS_URL: "" });
  const one = boxes.box("one");
  one.put(line("blue"));
  await one.keep();

  expect(await boxes.store.findTranscript(session)).toBeUndefined();
});

test("on another box a lost job goes on with all that was said, whether its tree could be reached or not; the task is not said twice", async () => {
  await using boxes = await twoBoxes();
  const [one, two] = [boxes.box("one"), boxes.box("two")];
  one.put(line("earlier") + line("the task", boxes.job.id) + line("half done"));
  await one.keep();
  const begin = async (how: Readonly<{ ownSession: boolean; continued: boolean }>) => {
    const work = { path: two.work, continued: how.continued, here: false };
    const talk = { job: boxes.job, session: two.places, ownSession: how.ownSession, work };
    return await beginSession(talk, await findSession(talk, two.copies));
  };

  expect(await begin({ ownSession: true, continued: true })).toBe("continue");
  expect(two.laid()).toContain("half done");
  for (const ownSession of [true, false]) {
    expect(await begin({ ownSession, continued: false })).toBe("continue");
    expect(two.laid()).toMatch(/earlier[\s\S]*the task[\s\S]*half done/);
  }
});

test("a tree that is still on its box goes on with what was said there", async () => {
  await using boxes = await twoBoxes();
  const [one, two] = [boxes.box("one"), boxes.box("two")];
  two.put(line("the task", boxes.job.id) + line("said elsewhere"));
  await two.keep();
  one.put(line("the task", boxes.job.id) + line("said here"));
  const work = { path: one.work, continued: true, here: true };
  const talk = { job: boxes.job, session: one.places, ownSession: true, work };

  expect(await beginSession(talk, await findSession(talk, one.copies))).toBe("continue");
  expect(one.laid()).toContain("said here");
});
