import { expect, test } from "vitest";
import type { JobEvent } from "../../shared/event.ts";
import { decodeSse } from "../../shared/sse.ts";
import type { Claim } from "../../shared/store.ts";
import { aClaim } from "../support/a-job.ts";
import { aServedApi } from "../support/a-served-api.ts";
import { anApi, type TestApi } from "../support/an-api.ts";
import { fakeClock } from "../support/fake-clock.ts";

const page = { accept: "application/json" };

async function running(api: Pick<TestApi, "store" | "submit">): Promise<{ id: string; claim: Claim }> {
  const id = await api.submit();
  const claim = await api.store.claim(aClaim());
  if (!claim) throw new Error("nothing to claim");
  return { id, claim };
}
const say = (store: TestApi["store"], { lease }: Claim, texts: readonly string[]) =>
  store.renew(lease, { leaseMs: 60_000, events: texts.map((text) => ({ type: "claude.said", data: { text } })) });
const end = (store: TestApi["store"], { lease }: Claim) => store.finish(lease, { status: "succeeded", patch: {} });

async function readAll(response: Response) {
  const frames = [];
  for await (const frame of decodeSse(response.body as ReadableStream<Uint8Array>)) frames.push(frame);
  return frames;
}

test("the stream gives each event with its id and type, and ends after the terminal one", async () => {
  await using api = await anApi();
  const { id, claim } = await running(api);
  await say(api.store, claim, ["one\ntwo"]);

  const response = await api.fetch(`/jobs/${id}/events`);
  const reading = readAll(response);
  await say(api.store, claim, ["three"]);
  await end(api.store, claim);
  const frames = await reading;

  expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
  expect(frames.map((frame) => frame.event)).toEqual([
    "job.queued",
    "job.claimed",
    "claude.said",
    "claude.said",
    "job.succeeded",
  ]);
  const events = frames.map((frame) => JSON.parse(frame.data) as JobEvent);
  expect(events.map((event) => event.id)).toEqual(frames.map((frame) => frame.id));
  expect(events[2]?.data).toEqual({ text: "one\ntwo" });
});

test("a stream that is taken up at any event misses none and repeats none", async () => {
  await using api = await anApi();
  const { id, claim } = await running(api);
  await say(
    api.store,
    claim,
    Array.from({ length: 20 }, (_, index) => `${index}`),
  );
  await end(api.store, claim);
  const all = await readAll(await api.fetch(`/jobs/${id}/events`));

  for (const [index, { id: last = "" }] of all.slice(0, -1).entries()) {
    const byHeader = await api.fetch(`/jobs/${id}/events`, { headers: { "last-event-id": last } });
    const byQuery = await api.fetch(`/jobs/${id}/events?after=${last}`);
    expect(await readAll(byHeader)).toEqual(all.slice(index + 1));
    expect(await readAll(byQuery)).toEqual(all.slice(index + 1));
  }
});

test("more than a page of events comes in one stream, and in pages of 500", async () => {
  await using api = await anApi();
  const { id, claim } = await running(api);
  for (let round = 0; round < 12; round++)
    await say(
      api.store,
      claim,
      Array.from({ length: 100 }, () => "x"),
    );
  await end(api.store, claim);

  const frames = await readAll(await api.fetch(`/jobs/${id}/events`));
  const sizes = [];
  for (let after: string | undefined = ""; after !== undefined; ) {
    const { body } = await api.get(`/jobs/${id}/events${after ? `?after=${after}` : ""}`, page);
    sizes.push((body["events"] as unknown[]).length);
    after = body["next"] as string | undefined;
  }

  expect(frames).toHaveLength(1203);
  expect(sizes).toEqual([500, 500, 203]);
});

test("a page of a live job has a next, also where it is empty", async () => {
  await using api = await anApi();
  const { id } = await running(api);
  const { body } = await api.get(`/jobs/${id}/events`, page);
  const empty = await api.get(`/jobs/${id}/events?after=${body["next"]}`, page);
  expect(empty.body).toEqual({ success: true, events: [], next: body["next"] });
});

test("a stream behind the end of an ended job is 204, which ends an EventSource", async () => {
  await using api = await anApi();
  const { id, claim } = await running(api);
  await end(api.store, claim);
  const last = (await readAll(await api.fetch(`/jobs/${id}/events`))).at(-1)?.id ?? "";
  const response = await api.fetch(`/jobs/${id}/events`, { headers: { "last-event-id": last } });
  expect(response.status).toBe(204);
});

test.each(["after=abc", "after=", "after=1&after=2", "from=1"])("events asked with %s are refused", async (query) => {
  await using api = await anApi();
  const answer = await api.get(`/jobs/${await api.submit()}/events?${query}`);
  expect(answer.status).toBe(400);
  expect(answer.body).toMatchObject({ errors: [{ path: query.split("=")[0] }] });
});

test("a cursor of another job is refused", async () => {
  await using api = await anApi();
  const [one, other] = [await api.submit(), await api.submit()];
  const { body } = await api.get(`/jobs/${one}/events`, page);
  expect((await api.get(`/jobs/${other}/events?after=${body["next"]}`)).status).toBe(400);
});

test("a stream of which nothing is heard for 15 s says that it lives", async () => {
  const clock = fakeClock();
  await using api = await anApi({ clock });
  const id = await api.submit();
  const response = await api.fetch(`/jobs/${id}/events`);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const heard = async () => new TextDecoder().decode((await reader.read()).value);
  await heard();
  await heard();

  const next = heard();
  let done = false;
  const keep = next.finally(() => {
    done = true;
  });
  while (!done) {
    clock.advance(1_000);
    await new Promise((resolve) => setImmediate(resolve));
  }

  expect(await keep).toBe(": keep-alive\n\n");
  await reader.cancel();
});

test("a stream that may only get so old ends then, where a client can take it up again", async () => {
  const clock = fakeClock();
  await using api = await anApi({ clock, streamMs: 40_000 });
  const { id } = await running(api);
  const reading = (await api.fetch(`/jobs/${id}/events`)).text();
  let done = false;
  void reading.then(() => {
    done = true;
  });
  const start = clock.uptime();
  while (!done) {
    clock.advance(1_000);
    await new Promise((resolve) => setImmediate(resolve));
  }

  expect(clock.uptime() - start).toBeGreaterThanOrEqual(40_000);
  expect(clock.uptime() - start).toBeLessThan(60_000);
  expect((await reading).match(/^: keep-alive$/gm)).toHaveLength(2);
});

test("a client that goes away is not waited for any more", async () => {
  await using served = await aServedApi();
  const id = await submitTo(served.url);
  const stop = new AbortController();
  const response = await fetch(`${served.url}/jobs/${id}/events`, { signal: stop.signal });
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  await reader.read();
  stop.abort();
  await expect(reader.read()).rejects.toThrow();

  const start = performance.now();
  await served.api.close();
  expect(performance.now() - start).toBeLessThan(1_500);
});

test("over a real connection a stream that broke goes on behind its last event", async () => {
  await using served = await aServedApi();
  const id = await submitTo(served.url);
  const claim = await served.store.claim(aClaim());
  if (!claim) throw new Error("nothing to claim");
  const stop = new AbortController();
  const seen: string[] = [];
  const first = await fetch(`${served.url}/jobs/${id}/events`, { signal: stop.signal });
  await say(served.store, claim, ["one"]);
  try {
    for await (const frame of decodeSse(first.body as ReadableStream<Uint8Array>)) {
      seen.push(frame.id ?? "");
      if (frame.event === "claude.said") stop.abort();
    }
  } catch {
    // the abort
  }
  await say(served.store, claim, ["two"]);

  const second = await fetch(`${served.url}/jobs/${id}/events`, { headers: { "last-event-id": seen.at(-1) ?? "" } });
  await end(served.store, claim);
  for (const frame of await readAll(second)) seen.push(frame.id ?? "");

  const { events } = await served.store.events(claim.job.id, {});
  expect(seen).toEqual(events.map((event) => event.id));
});

async function submitTo(url: string): Promise<string> {
  const response = await fetch(`${url}/jobs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ task: "Add a test" }),
  });
  return ((await response.json()) as { job: { id: string } }).job.id;
}
