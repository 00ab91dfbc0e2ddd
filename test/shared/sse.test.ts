import { expect, test } from "vitest";
import { decodeSse, encodeSse, type SseFrame, sseKeepAlive } from "../../shared/sse.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
async function* chunks(parts: readonly Uint8Array[]) {
  yield* parts;
}
async function decoded(...parts: readonly (string | Uint8Array)[]): Promise<SseFrame[]> {
  const frames = [];
  for await (const frame of decodeSse(chunks(parts.map((part) => (typeof part === "string" ? bytes(part) : part)))))
    frames.push(frame);
  return frames;
}
const frames: readonly SseFrame[] = [
  { id: "0000000001-abc", event: "job.queued", data: '{"reason":"retry"}' },
  { data: "one\ntwo\n\nfour" },
  { id: "2", data: "" },
  { event: "claude.said", data: " begins with a space, has : colons, data: words and é漢🙂" },
];

test("a frame is written as the standard says", () => {
  expect(encodeSse({ id: "7", event: "e", data: "a\nb" })).toBe("id: 7\nevent: e\ndata: a\ndata: b\n\n");
  expect(encodeSse({ data: "a\r\nb\rc" })).toBe("data: a\ndata: b\ndata: c\n\n");
});

test("what is written is read again, however the stream is cut", async () => {
  const stream = bytes(frames.map((frame) => `${encodeSse(frame)}${sseKeepAlive}`).join(""));
  for (const size of [1, 2, 3, 5, 7, 64, stream.length]) {
    const parts = Array.from({ length: Math.ceil(stream.length / size) }, (_, n) =>
      stream.subarray(n * size, (n + 1) * size),
    );
    expect(await decoded(...parts)).toEqual(frames);
  }
});

test("lines may end in CR, LF or both, also where the cut is between them", async () => {
  expect(await decoded("data: a\r\n\r\ndata: b\r\rdata: c\n\n")).toEqual([{ data: "a" }, { data: "b" }, { data: "c" }]);
  expect(await decoded("data: a\r", "\n\r", "\ndata: b\r", "\rdata: c\n", "\n")).toEqual([
    { data: "a" },
    { data: "b" },
    { data: "c" },
  ]);
});

test("comments, retry fields and unknown fields are passed over, and an unfinished frame is none", async () => {
  expect(await decoded(": hello\n\nretry: 0\n\nfoo: bar\ndata: a\n: in between\n\n")).toEqual([{ data: "a" }]);
  expect(await decoded("data: a\n\ndata: cut off")).toEqual([{ data: "a" }]);
  expect(await decoded("data\n\n", "data:x\n\n")).toEqual([{ data: "" }, { data: "x" }]);
});

test("the last id and event of a frame count", async () => {
  expect(await decoded("id: 1\nid: 2\nevent: a\nevent: b\ndata: x\n\n")).toEqual([{ id: "2", event: "b", data: "x" }]);
});
