import { expect, test } from "vitest";
import { openOutbox } from "../../runner/outbox.ts";
import type { NewEvent } from "../../shared/event.ts";

const said = (text: string): NewEvent => ({ type: "claude.said", data: { text } });
const size = (event: NewEvent) => JSON.stringify(event).length;
const many = (count: number, from = 0) => Array.from({ length: count }, (_, n) => said(`${from + n}`));

test("what a store that is away has not taken is kept up to 5,000 events; one log.dropped stands for the older ones", () => {
  const outbox = openOutbox();
  outbox.add(many(5_000));
  expect(outbox.rest()).toMatchObject({ firstEvent: 0, events: { length: 5_000 } });
  outbox.add(many(1, 5_000));
  for (let n = 5_001; n < 6_000; n += 1) outbox.add([said(`${n}`)]);

  const { events, firstEvent } = outbox.rest();
  const dropped = many(1_001);
  expect(events).toHaveLength(5_000);
  expect(events[0]).toEqual({
    type: "log.dropped",
    data: { count: 1_001, bytes: dropped.reduce((sum, event) => sum + size(event), 0) },
  });
  expect(events.slice(1)).toEqual(many(4_999, 1_001));
  expect(firstEvent).toBe(1_000);
  expect(outbox.count()).toBe(6_000);
});

test("more than 8 MiB is not kept, however few the events are", () => {
  const outbox = openOutbox();
  const large = Array.from({ length: 30 }, (_, n) => said(`${n} ${"x".repeat(1024 * 1024)}`));
  for (const event of large) outbox.add([event]);

  const { events, firstEvent } = outbox.rest();
  expect(outbox.bytes()).toBeLessThanOrEqual(8 * 1024 * 1024);
  expect(events[0]).toMatchObject({ type: "log.dropped", data: { count: 23 } });
  expect(events.slice(1)).toEqual(large.slice(23));
  expect(firstEvent).toBe(22);
});

test("an event that alone is too large is kept", () => {
  const outbox = openOutbox();
  outbox.add([said("x".repeat(9 * 1024 * 1024))]);
  expect(outbox.rest()).toMatchObject({ firstEvent: 0, events: [{ type: "claude.said" }] });
});

test("events that come back keep their numbers, also when the oldest of them have to go", () => {
  const outbox = openOutbox();
  outbox.add(many(900));
  const taken = outbox.take();
  expect(taken).toMatchObject({ firstEvent: 0, events: { length: 900 } });
  outbox.add(many(4_500, 900));
  outbox.putBack(taken);

  const { events, firstEvent } = outbox.rest();
  expect(events[0]).toMatchObject({ type: "log.dropped", data: { count: 401 } });
  // Number n of the log is said("n"), but for the one that stands for those that went.
  expect(events.slice(1)).toEqual(many(4_999, firstEvent + 1));
});

test("a batch is no larger than one call may carry, and the rest follows", () => {
  const outbox = openOutbox();
  outbox.add(many(2_500));
  const batches = [outbox.take(), outbox.take(), outbox.take(), outbox.take()];
  expect(batches.map(({ firstEvent, events }) => [firstEvent, events.length])).toEqual([
    [0, 1_000],
    [1_000, 1_000],
    [2_000, 500],
    [2_500, 0],
  ]);
  outbox.add(Array.from({ length: 4 }, () => said("x".repeat(300 * 1024))));
  expect([outbox.take(), outbox.take()].map(({ events }) => events.length)).toEqual([1, 1]);
});
