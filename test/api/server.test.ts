import { once } from "node:events";
import { connect, createServer } from "node:net";
import { expect, test } from "vitest";
import { startApi } from "../../api/server.node.ts";
import { systemClock } from "../../shared/clock.node.ts";
import { silentLog } from "../../shared/log.ts";
import { aConfig, aConnection, aServedApi } from "../support/a-served-api.ts";
import { aStore, someProfiles } from "../support/an-api.ts";

const json = "content-type: application/json\r\n";
const head = (port: number, length: number | string, more = json) =>
  `POST /jobs HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n${
    typeof length === "number" ? `content-length: ${length}` : length
  }\r\n${more}\r\n`;
const fine = JSON.stringify({ task: "Add a test" });

test("after a body that is too large the next request of the connection is answered", async () => {
  await using served = await aServedApi();
  const { port } = served.api;
  using line = await aConnection(port);
  const big = "x".repeat(5 * 1024 * 1024);

  const refused = await line.send(head(port, big.length) + big);
  const next = await line.send(head(port, fine.length) + fine);

  expect([refused.status, next.status]).toEqual([413, 202]);
  expect(JSON.parse(refused.body)).toMatchObject({ code: "invalid_request", errors: [{ message: "at most 1 MiB" }] });
  expect((await served.store.list({ limit: 10 })).jobs).toHaveLength(1);
});

test("a body that is too large is refused also where its length was not declared", async () => {
  await using served = await aServedApi();
  const { port } = served.api;
  using line = await aConnection(port);
  const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;

  const refused = await line.send(`${head(port, "transfer-encoding: chunked")}${chunk.repeat(40)}0\r\n\r\n`);
  const next = await line.send(head(port, fine.length) + fine);

  expect([refused.status, next.status]).toEqual([413, 202]);
});

const early = [
  { what: "of another type", more: "content-type: text/plain\r\n", env: {}, status: 415 },
  { what: "without a key", more: json, env: { AGENTICORE_API_KEYS: "a-key-of-the-test" }, status: 401 },
  { what: "of another origin", more: `${json}origin: https://elsewhere.example\r\n`, env: {}, status: 403 },
];
test.each(early)("a refusal of a request $what lets the connection live", async ({ more, env, status }) => {
  await using served = await aServedApi(env);
  const { port } = served.api;
  using line = await aConnection(port);
  const body = JSON.stringify({ task: "x".repeat(90_000) });

  const refused = await line.send(head(port, body.length, more) + body);
  const next = await line.send(`GET /health HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`);

  expect([refused.status, next.status]).toEqual([status, 200]);
});

test("a client that never sends the rest of its body gets the refusal after two seconds", async () => {
  await using served = await aServedApi();
  const { port } = served.api;
  using line = await aConnection(port);

  const refused = await line.send(`${head(port, 3 * 1024 * 1024)}xxx`);

  expect(refused.status).toBe(413);
  expect(refused.head).toMatch(/^connection: close/im);
});

/** Sends these pieces, the next once the one before has left, and breaks the connection behind the last. */
async function sendAndGo(port: number, pieces: readonly Uint8Array[]): Promise<void> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  const closed = once(socket, "close");
  await once(socket, "connect");
  for (const piece of pieces) {
    await new Promise((sent) => socket.write(piece, sent));
    await new Promise((resolve) => setImmediate(resolve));
  }
  socket.destroy();
  await closed;
}

test("a submission counts once its whole body has come, in however many pieces, also for those who do not stay for the answer", async () => {
  await using served = await aServedApi();
  const { port } = served.api;
  const body = Buffer.from(JSON.stringify({ task: "Grüße 🙂" }));
  const whole = Buffer.concat([Buffer.from(head(port, body.length)), body]);
  const bytes = Array.from(whole, (_, at) => whole.subarray(at, at + 1));
  const sent = [[whole], [whole.subarray(0, -body.length), body], [whole.subarray(0, -3), whole.subarray(-3)], bytes];
  for (const pieces of sent) await sendAndGo(port, pieces);

  await expect.poll(async () => (await served.store.list({ limit: 9 })).jobs).toHaveLength(sent.length);

  const { jobs } = await served.store.list({ limit: 9 });
  expect(new Set(jobs.map(({ task }) => task))).toEqual(new Set(["Grüße 🙂"]));
});

test("a body of which the end never comes is none, and the server goes on", async () => {
  await using served = await aServedApi();
  const { port } = served.api;
  for (const left of [1, fine.length]) {
    const text = head(port, fine.length) + fine;
    await sendAndGo(port, [Buffer.from(text.slice(0, text.length - left))]);
  }
  using line = await aConnection(port);
  const next = await line.send(head(port, fine.length) + fine);

  expect(next.status).toBe(202);
  expect((await served.store.list({ limit: 9 })).jobs).toHaveLength(1);
});

test("fifty equal submissions at once make one job", async () => {
  await using served = await aServedApi();
  const answers = await Promise.all(
    Array.from({ length: 50 }, async () => {
      const response = await fetch(`${served.url}/jobs`, {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": "the-same" },
        body: fine,
      });
      const { job } = (await response.json()) as { job: { id: string } };
      return { status: response.status, id: job.id, replayed: response.headers.get("idempotent-replayed") };
    }),
  );

  expect(new Set(answers.map((answer) => answer.id)).size).toBe(1);
  expect(answers.filter((answer) => answer.status === 202 && answer.replayed === null)).toHaveLength(1);
  expect(answers.filter((answer) => answer.status === 200 && answer.replayed === "true")).toHaveLength(49);
});

test("closing answers who waits, ends the streams and frees the port", async () => {
  const served = await aServedApi();
  const submitted = await fetch(`${served.url}/jobs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: fine,
  });
  const { job } = (await submitted.json()) as { job: { id: string } };
  const waiting = fetch(`${served.url}/jobs/${job.id}?wait=300`);
  const stream = await fetch(`${served.url}/jobs/${job.id}/events`);
  const reading = stream.text();
  const start = performance.now();

  await served[Symbol.asyncDispose]();

  expect(performance.now() - start).toBeLessThan(2_500);
  expect(((await (await waiting).json()) as { job: { status: string } }).job.status).toBe("queued");
  expect(await reading).toContain("event: job.queued");
  await expect(fetch(`${served.url}/health`)).rejects.toThrow();
});

test("a port in use is told with what to do", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => other.once("listening", resolve));
  const { port } = other.address() as { port: number };
  const { store, close } = await aStore();
  const options = { store, profiles: someProfiles, clock: systemClock, log: silentLog, version: "0.1.0" };

  const starting = startApi({ ...options, config: aConfig(), host: "127.0.0.1", port });

  await expect(starting).rejects.toMatchObject({
    code: "conflict",
    message: `Port ${port} of 127.0.0.1 is in use by another program.`,
    remedy: expect.stringContaining("AGENTICORE_PORT"),
  });
  await close();
  await new Promise((resolve) => other.close(resolve));
});

test("the store is swept as often as asked, also after a sweep that failed, and no more once the server is closed", async () => {
  const { store, close } = await aStore();
  let sweeps = 0;
  const watched = {
    ...store,
    sweep: async () => {
      sweeps += 1;
      if (sweeps === 2) throw new Error("the store is away");
      return await store.sweep();
    },
  };
  const options = { profiles: someProfiles, clock: systemClock, log: silentLog, version: "0.1.0", host: "127.0.0.1" };
  const api = await startApi({ ...options, store: watched, config: aConfig(), port: 0, sweepMs: 10 });
  await expect.poll(() => sweeps).toBeGreaterThan(4);
  await api.close();
  const before = sweeps;
  await new Promise((resolve) => setTimeout(resolve, 50));

  expect(sweeps).toBe(before);
  await close();
});
