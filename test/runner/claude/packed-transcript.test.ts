import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { expect, test } from "vitest";
import { maxTranscriptBytes, packTranscript, unpackTranscript } from "../../../runner/claude/packed-transcript.ts";
import { isBegun } from "../../../runner/claude/transcripts.ts";
import { Secret } from "../../../shared/secret.ts";

const session = "6f6b7c0e-6d0e-4b3e-9a57-0b3b7a3d2f10";
const other = "0b3b7a3d-6d0e-4b3e-9a57-6f6b7c0e2f10";
const key = new Secret(Buffer.alloc(32, 7).toString("base64"));
const line = (text: string) => `${JSON.stringify({ type: "user", text })}\n`;

function aFolder() {
  const root = mkdtempSync(join(tmpdir(), "agenticore-packed-"));
  const write = (text: string | Buffer) => {
    writeFileSync(join(root, "talk.jsonl"), text);
    return join(root, "talk.jsonl");
  };
  return {
    write,
    to: join(root, "back.jsonl"),
    link: () => {
      symlinkSync(join(root, "talk.jsonl"), join(root, "link"));
      return join(root, "link");
    },
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}

test.each([
  ["encrypted with a key in base64", key],
  ["encrypted with a key in hex", new Secret("0f".repeat(32))],
  ["as it is, where there is no key", undefined],
])("a conversation comes back to the byte, %s", async (_, one) => {
  using at = aFolder();
  const text = line("blue") + line("grün".repeat(50_000));
  const packed = await packTranscript(at.write(text), { session, key: one });
  expect(packed).toMatchObject({ bytes: Buffer.byteLength(text) });
  expect(packed.data?.length).toBeLessThan(3_000);
  await unpackTranscript(packed.data ?? "", at.to, { session, key: one });

  expect(readFileSync(at.to, "utf8")).toBe(text);
  expect(statSync(at.to).mode & 0o777).toBe(0o600);
});

test("the line that Claude is just writing is left out, and an empty conversation stays empty", async () => {
  using at = aFolder();
  for (const [text, whole] of [
    [`${line("one")}{"type":"us`, line("one")],
    ["no line yet", ""],
    ["", ""],
  ] as const) {
    const { data = "" } = await packTranscript(at.write(text), { session, key });
    await unpackTranscript(data, at.to, { session, key });
    expect(readFileSync(at.to, "utf8")).toBe(whole);
  }
});

test("what is encrypted opens with its own key, for its own session, and unchanged; else nothing is written", async () => {
  using at = aFolder();
  const { data = "" } = await packTranscript(at.write(line("blue")), { session, key });
  const bytes = Buffer.from(data.slice(3), "base64");
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  const plain = (await packTranscript(at.write(line("forged")), { session, key: undefined })).data ?? "";
  const tries = [
    [data, { session, key: new Secret("0f".repeat(32)) }],
    [data, { session: other, key }],
    [data, { session, key: undefined }],
    [`e1:${bytes.toString("base64")}`, { session, key }],
    [data.slice(0, 30), { session, key }],
    [plain, { session, key }],
    ["e1:", { session, key }],
    ["", { session, key: undefined }],
  ] as const;

  for (const [text, packing] of tries)
    await expect(unpackTranscript(text, at.to, packing)).rejects.toMatchObject({ code: "session_not_found" });
  expect(() => statSync(at.to)).toThrow("ENOENT");
});

test("a copy that was cut off or that unpacks without end is refused as damaged", async () => {
  using at = aFolder();
  const bomb = deflateSync(Buffer.alloc(maxTranscriptBytes + 1));
  const cut = deflateSync(Buffer.from(line("blue").repeat(100))).subarray(0, 20);
  for (const bytes of [bomb, cut, Buffer.from("not deflated")])
    await expect(
      unpackTranscript(`z1:${bytes.toString("base64")}`, at.to, { session, key: undefined }),
    ).rejects.toMatchObject({ code: "session_not_found", message: expect.stringContaining("damaged") });
});

test("a conversation that packs into too much, or is too long, is not packed", async () => {
  using at = aFolder();
  const noise = `${randomBytes(4 * 1024 * 1024).toString("base64")}\n`;
  expect(await packTranscript(at.write(noise), { session, key })).toEqual({ bytes: noise.length });
  const long = Buffer.alloc(maxTranscriptBytes + 1, "\n");
  expect(await packTranscript(at.write(long), { session, key })).toEqual({ bytes: long.length });
});

test("a link in the transcript's place is not followed", async () => {
  using at = aFolder();
  at.write(line("blue"));
  await expect(packTranscript(at.link(), { session, key })).rejects.toMatchObject({ code: "ELOOP" });
});

test("a pipe that an agent put in the place of its conversation holds nobody up", async () => {
  using at = aFolder();
  const pipe = `${at.to}.pipe`;
  execFileSync("sh", ["-c", 'mkfifo "$0"', pipe]);
  const late = new Promise((resolve) => setTimeout(resolve, 5_000, "late").unref());
  const soon = (work: Promise<unknown>) => Promise.race([work.catch((error: unknown) => error), late]);
  try {
    expect(await soon(packTranscript(pipe, { session, key }))).toMatchObject({ code: "ENOENT" });
    expect(await soon(isBegun(pipe))).toBe(false);
  } finally {
    closeSync(openSync(pipe, constants.O_RDWR)); // whoever waits for a writer goes on
  }
}, 20_000);
