import { expect, test } from "vitest";
import { Secret } from "../../../../shared/secret.ts";
import { openHttpWire } from "../../../../shared/store/redis/http-wire.ts";
import { eventually } from "../../../support/eventually.ts";
import { type FakeClock, fakeClock } from "../../../support/fake-clock.ts";
import { listenWith } from "../../../support/listen-with.ts";

type Stream = Readonly<{
  path: string;
  headers: Headers;
  say(text: string): void;
  end(): void;
  break(): void;
  /** Whether the listener still reads. */
  open(): boolean;
}>;
type Answer = (stream: Stream) => Response | undefined;

/** A server of event streams as a `fetch`: each request is a stream that the test speaks into, unless `answer` says otherwise. */
function aServer(answer: Answer = () => undefined) {
  const seen: Stream[] = [];
  const ask: typeof fetch = async (input, init) => {
    const encoder = new TextEncoder();
    let control: ReadableStreamDefaultController<Uint8Array> | undefined;
    let open = true;
    const body = new ReadableStream<Uint8Array>({
      start: (given) => {
        control = given;
      },
      cancel: () => {
        open = false;
      },
    });
    init?.signal?.addEventListener("abort", () => {
      if (open) control?.error(init.signal?.reason);
      open = false;
    });
    const stream: Stream = {
      path: new URL(String(input)).pathname,
      headers: new Headers(init?.headers),
      say: (text) => control?.enqueue(encoder.encode(text)),
      end: () => control?.close(),
      break: () => control?.error(new TypeError("terminated")),
      open: () => open,
    };
    seen.push(stream);
    init?.signal?.throwIfAborted();
    return answer(stream) ?? new Response(body, { headers: { "content-type": "text/event-stream" } });
  };
  return { seen, ask };
}

async function aListener(
  what: Readonly<{ channels?: readonly string[]; patterns?: readonly string[] }>,
  options: Readonly<{ answer?: Answer; random?: () => number }> = {},
) {
  const server = aServer(options.answer);
  const clock = fakeClock();
  const wire = openHttpWire({
    url: "https://redis.example/base/",
    token: new Secret("the-token"),
    clock,
    random: options.random ?? (() => 0.5),
    fetch: server.ask,
  });
  const ear = listenWith(wire, what);
  const streams = async (count: number) => {
    await eventually(() => server.seen.length >= count, { what: () => `${count} streams, of ${server.seen.length}` });
    return server.seen.slice(-1)[0] as Stream;
  };
  const acknowledge = (stream: Stream) => {
    const [, kind, name] = /\/(p?subscribe)\/(.+)$/.exec(decodeURIComponent(stream.path)) ?? [];
    stream.say(`data: ${kind},${name},1\n\n`);
  };
  return {
    ...server,
    clock,
    ear,
    wire,
    streams,
    acknowledge,
    [Symbol.asyncDispose]: () => wire[Symbol.asyncDispose](),
  };
}

/** Lets time pass in steps of a hundredth of a second to a second until it is so; how long that took. */
async function until(clock: FakeClock, so: () => boolean, maxMs: number): Promise<number> {
  const start = clock.uptime();
  const step = Math.min(1_000, Math.max(10, maxMs / 1_000));
  for (;;) {
    for (let turn = 0; turn < 5; turn++) await new Promise((done) => setImmediate(done));
    if (so()) return clock.uptime() - start;
    if (clock.uptime() - start > maxMs) throw new Error(`not within ${maxMs} ms`);
    clock.advance(step);
  }
}

test("asks for each channel by a stream of its own, with the token in the header only", async () => {
  await using at = await aListener({ channels: ["p{b}:wake"], patterns: ["p{b}:changed:*"] });
  await at.streams(2);
  expect(at.seen.map(({ path }) => path).sort()).toEqual([
    "/base/psubscribe/p%7Bb%7D:changed:*",
    "/base/subscribe/p%7Bb%7D:wake",
  ]);
  for (const { headers } of at.seen) expect(headers.get("authorization")).toBe("Bearer the-token");
});

test("stands once Redis has acknowledged everything, and not before", async () => {
  await using at = await aListener({ channels: ["one", "two"] });
  await at.streams(2);
  const [one, two] = at.seen as [Stream, Stream];
  at.acknowledge(one);
  one.say("data: message,one,early\n\n");
  await eventually(() => at.ear.heard().length === 1);
  expect(at.ear.log()).toEqual([]);
  at.acknowledge(two);
  await at.ear.up();
});

test("hears messages whole, wherever the stream is cut, and only those of its channels", async () => {
  await using at = await aListener({ channels: ["wake"], patterns: ["job:*"] });
  await at.streams(2);
  const [wake, jobs] = at.seen as [Stream, Stream];
  at.acknowledge(wake);
  at.acknowledge(jobs);
  wake.say(": keep-alive\n\ndata: mess");
  wake.say('age,wake,{"a":"ü, ');
  wake.say('☃"}\r\n\r\ndata: message,other,no\n\nevent: x\ndata: message,wake,\n\n');
  jobs.say("data: pmessage,job:*,job:1,a,b\n\n");
  await eventually(() => at.ear.heard().length === 3);
  expect([...at.ear.heard()].sort()).toEqual(["job:1 a,b", "wake ", 'wake {"a":"ü, ☃"}']);
});

test.each(["end", "break"] as const)(
  "a stream that comes to an %s is noticed and made anew, with all that stand beside it",
  async (how) => {
    await using at = await aListener({ channels: ["one", "two"] });
    await at.streams(2);
    const [one, two] = at.seen as [Stream, Stream];
    at.acknowledge(one);
    at.acknowledge(two);
    await at.ear.up();
    one[how]();
    await eventually(() => at.ear.log().at(-1) === "down");
    await eventually(() => !two.open());
    const pause = await until(at.clock, () => at.seen.length === 4, 2_000);
    expect(pause).toBeGreaterThan(400);
    expect(pause).toBeLessThan(600);
    for (const stream of at.seen.slice(2)) at.acknowledge(stream);
    await eventually(() => at.ear.log().join() === "up,down,up");
  },
);

test("a stream on which not even a keep-alive comes for 90 seconds is taken for dead; one that keeps alive is not", async () => {
  await using at = await aListener({ channels: ["one"] });
  const first = await at.streams(1);
  at.acknowledge(first);
  await at.ear.up();
  for (let n = 0; n < 3; n++) {
    await until(at.clock, () => false, 60_000).catch(() => undefined);
    first.say(": keep-alive\n\n");
  }
  expect(at.ear.log()).toEqual(["up"]);
  const silence = await until(at.clock, () => at.ear.log().at(-1) === "down", 120_000);
  expect(silence).toBeGreaterThan(85_000);
  expect(silence).toBeLessThan(95_000);
  expect(first.open()).toBe(false);
});

async function anOldStream(at: Awaited<ReturnType<typeof aListener>>): Promise<Stream> {
  const first = await at.streams(1);
  at.acknowledge(first);
  await at.ear.up();
  const keptAlive = () => {
    first.say(": keep-alive\n\n");
    return at.seen.length === 2;
  };
  const age = await until(at.clock, keptAlive, 400_000);
  expect(age).toBeGreaterThan(270_000);
  expect(age).toBeLessThan(331_000);
  return first;
}

test("a stream is replaced after five minutes, and nothing is missed: the next one stands before it is closed", async () => {
  await using at = await aListener({ channels: ["one"] });
  const first = await anOldStream(at);
  first.say("data: message,one,1\n\n");
  await eventually(() => at.ear.heard().length === 1);
  const second = await at.streams(2);
  at.acknowledge(second);
  second.say("data: message,one,2\n\n");
  await eventually(() => !first.open());
  await eventually(() => at.ear.heard().join() === "one 1,one 2");
  expect(at.ear.log()).toEqual(["up"]);
});

test("a stream that cannot be replaced goes on", async () => {
  let busy = false;
  const answer = () => (busy ? new Response(null, { status: 503 }) : undefined);
  await using at = await aListener({ channels: ["one"] }, { answer });
  void eventually(() => at.seen.length === 1).then(() => {
    busy = true;
  });
  const first = await anOldStream(at);
  first.say("data: message,one,1\n\n");
  await eventually(() => at.ear.heard().length === 1);
  first.end();
  await eventually(() => at.ear.log().join() === "up,down");
});

test("the pauses between tries in vain double from one second to 64, and are spread by chance", async () => {
  const refuse = () => new Response(null, { status: 503 });
  await using at = await aListener({ channels: ["one"] }, { answer: refuse, random: () => 1 });
  await at.streams(1);
  const pauses: number[] = [];
  for (let n = 2; n < 10; n++) pauses.push(await until(at.clock, () => at.seen.length === n, 70_000));
  expect(pauses.map((ms) => Math.round(ms / 1_000))).toEqual([1, 2, 4, 8, 16, 32, 64, 64]);
  expect(at.ear.log()).toEqual([]);
});

test("a server without event streams is left in peace for ten minutes, and nobody is told anything", async () => {
  await using at = await aListener(
    { channels: ["one"] },
    { answer: () => Response.json({ error: "SRH: Endpoint not found" }, { status: 404 }) },
  );
  await at.streams(1);
  expect(await until(at.clock, () => at.seen.length === 2, 700_000)).toBeGreaterThan(590_000);
  expect(at.ear.log()).toEqual([]);
});

test("a server that wants to be left alone is, for as long as it says", async () => {
  const busy = () => new Response(null, { status: 429, headers: { "retry-after": "30" } });
  await using at = await aListener({ channels: ["one"] }, { answer: busy });
  await at.streams(1);
  expect(await until(at.clock, () => at.seen.length === 2, 40_000)).toBeGreaterThan(29_900);
});

test("a stream that is open and never acknowledged is given up after ten seconds", async () => {
  await using at = await aListener({ channels: ["one"] });
  const first = await at.streams(1);
  first.say(": keep-alive\n\n");
  const given = await until(at.clock, () => !first.open(), 20_000);
  expect(given).toBeGreaterThan(9_900);
  await until(at.clock, () => at.seen.length === 2, 2_000);
});

test("who stops listening, or closes the wire, hears nothing more and leaves no stream", async () => {
  await using at = await aListener({ channels: ["one"] });
  const first = await at.streams(1);
  at.acknowledge(first);
  await at.ear.up();
  at.ear.stop();
  await eventually(() => !first.open());
  const second = listenWith(at.wire, { channels: ["one"] });
  at.acknowledge(await at.streams(2));
  await second.up();
  await at.wire[Symbol.asyncDispose]();
  await eventually(() => at.seen.every((stream) => !stream.open()));
  await eventually(() => at.clock.sleepers() === 0);
  expect([...at.ear.log(), ...second.log()]).toEqual(["up", "up"]);
});
