import { expect, test } from "vitest";
import { relayAfterMs, relayBounds } from "../../../shared/relay-store.ts";
import type { JobStore } from "../../../shared/store.ts";
import { minute, type OpenWorld, refused, settled } from "./store-world.ts";

const channel = "c".repeat(64);
const ours = { channel, owner: "a", ttlMs: minute } as const;
const message = (text: string, id: string = text) => ({ channel, owner: "a", id, text });
const take = (store: JobStore, after = 0) => store.takeRelay({ channel, after, ttlMs: minute });
const texts = async (store: JobStore, after = 0) => (await take(store, after))?.map(({ text }) => text);

export function relaysContract(open: OpenWorld): void {
  test("what is sent over any connection is taken once it is there, in its order, until it is said to be taken", async () => {
    await using world = await open();
    const { store } = world;
    const other = await world.another();
    await store.openRelay(ours);
    expect(await take(store)).toEqual([]);
    const text = 'ä"\n\u2028 {"jsonrpc":"2.0"}';
    expect(await other.sendRelay(message(text, "1"))).toBe("sent");
    expect(await store.sendRelay(message("two"))).toBe("sent");
    const both = [
      { n: 1, text },
      { n: 2, text: "two" },
    ];

    expect(await take(store)).toEqual(both);
    expect(await take(store)).toEqual(both);
    expect(await take(store, 1)).toEqual(both.slice(1));
    expect(await take(store)).toEqual(both.slice(1));
    expect(await take(store, 2)).toEqual([]);
    await other.sendRelay(message("three"));
    expect(await take(store, 2)).toEqual([{ n: 3, text: "three" }]);
  });

  test("a message sent again under its id is one, also after it was taken and after the end", async () => {
    await using world = await open();
    const { store } = world;
    await store.openRelay(ours);
    for (const _ of [1, 2]) expect(await store.sendRelay(message("one"))).toBe("sent");
    expect(await texts(store)).toEqual(["one"]);
    expect(await texts(store, 1)).toEqual([]);
    expect(await store.sendRelay(message("one"))).toBe("sent");
    await store.closeRelay(channel);
    expect(await store.sendRelay(message("one"))).toBe("sent");
    expect(await texts(store, 1)).toEqual([]);
  });

  test("nobody but its owner sends, and a channel that there is not is the same as another's", async () => {
    await using world = await open();
    const { store } = world;
    await store.openRelay(ours);

    expect(await store.sendRelay({ ...message("x"), owner: "b" })).toBe("missing");
    expect(await store.sendRelay({ ...message("x"), owner: "" })).toBe("missing");
    expect(await store.sendRelay({ ...message("x"), channel: "d".repeat(64) })).toBe("missing");
    expect(await store.takeRelay({ channel: "d".repeat(64), after: 0, ttlMs: minute })).toBeUndefined();
    await store.closeRelay("d".repeat(64));
    expect(await take(store)).toEqual([]);
  });

  test("too many messages and too many bytes are refused until some are taken", async () => {
    await using world = await open();
    const { store } = world;
    await store.openRelay(ours);
    for (let n = 1; n <= relayBounds.messages; n += 1) expect(await store.sendRelay(message(`${n}`))).toBe("sent");
    expect(await store.sendRelay(message("more"))).toBe("full");
    await take(store, 1);
    expect(await store.sendRelay(message("more"))).toBe("sent");
    expect(await texts(store, relayBounds.messages)).toEqual(["more"]);

    const big = "ä".repeat(relayBounds.bytes / 4);
    for (const id of ["b1", "b2"]) expect(await store.sendRelay(message(big, id))).toBe(id === "b1" ? "sent" : "full");
    await take(store, relayBounds.messages + 2);
    for (const id of ["b2", "b3"]) expect(await store.sendRelay(message(big, id))).toBe("sent");
    expect(await store.sendRelay(message("x"))).toBe("full");
  });

  test("it is gone when nobody has taken from it for its time, with all that is in it", async () => {
    await using world = await open();
    const { store } = world;
    await store.openRelay(ours);
    await world.advance(minute - 1_000);
    expect(await take(store)).toEqual([]);
    await world.advance(minute - 1_000);
    expect(await store.sendRelay(message("x"))).toBe("sent");
    await world.advance(1_000);

    expect(await store.sendRelay(message("y"))).toBe("missing");
    expect(await take(store)).toBeUndefined();
    await store.sweep();
    expect(await take(store)).toBeUndefined();
  });

  test("once closed it takes nothing more, and what it has can be taken for a while", async () => {
    await using world = await open();
    const { store } = world;
    await store.openRelay(ours);
    await store.sendRelay(message("one"));
    await store.closeRelay(channel);
    expect(await store.sendRelay(message("two"))).toBe("missing");
    expect(await texts(store)).toEqual(["one"]);
    await world.advance(relayAfterMs / 2);
    await store.closeRelay(channel);
    expect(await texts(store)).toEqual(["one"]);
    await world.advance(relayAfterMs / 2);
    expect(await take(store)).toBeUndefined();
  });

  test("a channel is opened once: by nobody else, and not again once it was used or closed", async () => {
    await using world = await open();
    const { store } = world;
    await store.openRelay(ours);
    await store.openRelay(ours);
    await refused(store.openRelay({ ...ours, owner: "b" }), "conflict");
    await store.sendRelay(message("one"));
    await refused(store.openRelay(ours), "conflict");
    const unused = { ...ours, channel: "e".repeat(64) };
    await store.openRelay(unused);
    await store.closeRelay(unused.channel);
    await refused(store.openRelay(unused), "conflict");
  });

  test("whoever waits for a relay wakes for a message that any connection has sent, and for no other relay's", async () => {
    await using world = await open();
    const { store } = world;
    const other = await world.another();
    const elsewhere = "f".repeat(64);
    await store.openRelay(ours);
    await store.openRelay({ ...ours, channel: elsewhere });
    let woken = 0;
    const stop = new AbortController();
    const wait = (of: string, after: number) =>
      store.changed({ relay: { channel: of, after }, timeoutMs: 9e9, signal: stop.signal }).then(() => {
        woken += 1;
      });
    const [here, there] = [wait(channel, 0), wait(elsewhere, 0)];
    await other.sendRelay(message("one"));
    await settled(world, here);
    expect(woken).toBe(1);
    const next = wait(channel, 1);
    await store.sendRelay(message("two"));
    await settled(world, next);
    expect(woken).toBe(2);
    stop.abort();
    await there;
  });
}
