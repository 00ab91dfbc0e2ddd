import { expect, test } from "vitest";
import type { NotifyDeps } from "../../../shared/notify/deliver.ts";
import { deliverNotices, openSender } from "../../../shared/notify/sender.ts";
import { Secret } from "../../../shared/secret.ts";
import { hour, minute, queue, read } from "../../contract/store/store-world.ts";
import { eventually } from "../../support/eventually.ts";
import { memoryLog } from "../../support/memory-log.ts";
import { sqliteWorld } from "../../support/sqlite-world.ts";

/** Jobs that have ended, to be told to hosts that answer as `post` does. */
async function aSender(post: NotifyDeps["post"]) {
  const world = await sqliteWorld();
  const { store, clock } = world;
  const deps: NotifyDeps = {
    ...{ store, clock, post, allowed: ["*.example"], log: memoryLog(), random: () => 0.5, timeoutMs: 60_000 },
    ...{ secrets: [new Secret("a text of more than twenty-four letters")], redact: (text: string) => text },
  };
  const ended = async (host: string) => {
    const id = await queue(store, { job: { notify_url: `https://${host}.example/`, ttl_seconds: 200_000 } });
    await store.cancel(id, { name: "somebody" });
    return id;
  };
  return { world, deps, ended, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
}

test("a host that hangs holds up nobody; while it does only two requests at once go to it, and one answer opens it again", async () => {
  const asked: string[] = [];
  let [isHung, now, peak] = [true, 0, 0];
  const post: NotifyDeps["post"] = async ({ hostname }, _, signal) => {
    asked.push(hostname);
    if (hostname !== "hung.example" || !isHung) return 204;
    now += 1;
    peak = Math.max(peak, now);
    await new Promise<void>((late) => signal.addEventListener("abort", () => late()));
    now -= 1;
    throw new Error("late");
  };
  await using sender = await aSender(post);
  const of = (host: string) => asked.filter((one) => one === `${host}.example`).length;
  for (let n = 0; n < 25; n += 1) await sender.ended("hung");
  const well = await sender.ended("well");
  const stop = new AbortController();
  const patient = openSender(sender.deps, stop.signal);
  await patient.sendDue();
  await eventually(() => of("well") === 1, { what: "the other host is told while the first one hangs" });
  await eventually(async () => (await read(sender.world.store, well)).notify?.delivered === 1);
  expect(of("hung")).toBe(25);
  stop.abort();
  await patient.idle();

  // As soon as one has run out of time.
  const hasty = openSender({ ...sender.deps, timeoutMs: 50 });
  await sender.world.advance(minute);
  await hasty.sendDue(1);
  await hasty.idle();
  peak = 0;
  await hasty.sendDue();
  await hasty.idle();
  expect(peak).toBe(2);
  expect(await sender.world.store.noticeCounts()).toMatchObject({ waiting: 25, failed: 25 });

  isHung = false;
  await sender.world.advance(hour);
  await hasty.sendDue(1);
  await hasty.idle();
  await hasty.sendDue();
  await hasty.idle();
  expect(await sender.world.store.noticeCounts()).toMatchObject({ waiting: 0, delivered: 26, failed: 25 });
});

test("what was taken and could not be noted is sent again under the same id, and others are not held up by it", async () => {
  const ids: string[] = [];
  await using sender = await aSender(async (_, { headers }) => {
    ids.push(String(headers["webhook-id"]));
    return 200;
  });
  const { store, advance } = sender.world;
  for (let n = 0; n < 3; n += 1) await sender.ended("well");
  let refusals = 1;
  const settleNotice: typeof store.settleNotice = async (...asked) => {
    if (refusals-- > 0) throw new Error("the store is away");
    await store.settleNotice(...asked);
  };
  const deps = { ...sender.deps, store: { ...store, settleNotice } };
  await deliverNotices(deps);
  expect(ids).toHaveLength(3);
  expect(await store.noticeCounts()).toMatchObject({ waiting: 1, delivered: 2 });
  await advance(20_001);
  await deliverNotices(deps);
  expect(ids).toHaveLength(4);
  expect(new Set(ids).size).toBe(3);
  expect(await store.noticeCounts()).toMatchObject({ waiting: 0, delivered: 3 });
});

test("a process that may not tell a receiver leaves it to another one within minutes", async () => {
  let sent = 0;
  await using sender = await aSender(async () => {
    sent += 1;
    return 204;
  });
  const id = await sender.ended("well");
  const barred = { ...sender.deps, allowed: ["other.example"] };
  for (let n = 0; n < 12; n += 1) {
    await deliverNotices(barred);
    await sender.world.advance(11 * minute);
  }
  expect((await read(sender.world.store, id)).notify?.last_error).toContain("may not be notified");
  await deliverNotices(sender.deps);
  expect(sent).toBe(1);
});
