import { expect, test } from "vitest";
import { anApi, type TestApi } from "../support/an-api.ts";
import { fakeClock } from "../support/fake-clock.ts";

const piece = new Uint8Array(64 * 1024).fill(120);

/** A body of which each piece is asked for; it ends, fails or goes on as told. */
function aBody(next: (count: number) => Uint8Array | "end" | "break" | "wait") {
  let count = 0;
  const stream = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const what = next(count++);
        if (what === "end") controller.close();
        else if (what === "break") controller.error(new Error("reset"));
        else if (what === "wait") await new Promise(() => undefined);
        else controller.enqueue(what);
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, pieces: () => count };
}

const send = (api: TestApi, body: ReadableStream<Uint8Array>, headers: Record<string, string> = {}) =>
  api.fetch("/jobs", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
    duplex: "half",
  } as RequestInit);

test("a refused body is read to its end before the answer", async () => {
  await using api = await anApi();
  const body = aBody((count) => (count < 100 ? piece : "end"));
  const response = await send(api, body.stream, { origin: "https://elsewhere.example" });
  expect([response.status, response.headers.get("connection")]).toEqual([403, null]);
  expect(body.pieces()).toBe(101);
});

test("a refused body is read no further than 16 MiB, and the connection given up", async () => {
  await using api = await anApi();
  const body = aBody(() => piece);
  const response = await send(api, body.stream);
  expect([response.status, response.headers.get("connection")]).toEqual([413, "close"]);
  expect(body.pieces()).toBeGreaterThan(256);
  expect(body.pieces()).toBeLessThan(290);
});

test("a refused body that does not come is waited for no longer than two seconds", async () => {
  const clock = fakeClock();
  await using api = await anApi({ clock });
  const body = aBody(() => "wait");
  let answered = false;
  const answer = send(api, body.stream, { origin: "https://elsewhere.example" }).finally(() => {
    answered = true;
  });
  while (clock.sleepers() === 0) await new Promise((resolve) => setImmediate(resolve));

  clock.advance(1_999);
  await new Promise((resolve) => setImmediate(resolve));
  const early = answered;
  clock.advance(1);

  expect([(await answer).status, early]).toEqual([403, false]);
});

test("a body that breaks off is a bad request, and nothing is stored", async () => {
  await using api = await anApi();
  const body = aBody((count) => (count === 0 ? new TextEncoder().encode('{"task":"x"') : "break"));
  const response = await send(api, body.stream);
  expect(response.status).toBe(400);
  expect((await api.store.list({ limit: 1 })).jobs).toEqual([]);
});

test("a body that comes in many pieces is put together, also within a letter", async () => {
  await using api = await anApi();
  const bytes = new TextEncoder().encode(JSON.stringify({ task: "Grüße 🙂" }));
  const body = aBody((count) => (count < bytes.length ? bytes.subarray(count, count + 1) : "end"));
  const response = await send(api, body.stream);
  expect(((await response.json()) as { job: { task: string } }).job.task).toBe("Grüße 🙂");
});

test("a body of exactly 1 MiB is read, one byte more is not", async () => {
  await using api = await anApi();
  const sized = (size: number) => `{"task":"x","metadata":{}}${" ".repeat(size - 26)}`;
  expect((await api.post("/jobs", sized(1024 * 1024))).status).toBe(202);
  expect((await api.post("/jobs", sized(1024 * 1024 + 1))).status).toBe(413);
});

test("a body in another encoding is refused", async () => {
  await using api = await anApi();
  const body = aBody((count) => (count === 0 ? Buffer.from('{"task":"Grüße"}', "latin1") : "end"));
  expect((await send(api, body.stream)).status).toBe(400);
});
