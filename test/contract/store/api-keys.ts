import { expect, test } from "vitest";
import { anApiKey } from "../../support/a-job.ts";
import { type OpenWorld, refused } from "./store-world.ts";

const at = (day: number) => `2026-02-0${day}T00:00:00.000Z`;

export function apiKeysContract(open: OpenWorld): void {
  test("a key is found as it was saved, over all connections, and no other is", async () => {
    await using world = await open();
    const elsewhere = await world.another();
    const key = anApiKey({ repos: ["https://h/**"], pools: ["big"], profiles: ["code"], expires_at: at(9) });
    await world.store.saveKey(key);

    expect(await elsewhere.findKey(key.id)).toEqual(key);
    expect(await elsewhere.findKey("ffffffffffff")).toBeUndefined();
    expect(await elsewhere.findKey("")).toBeUndefined();
  });

  test("the same key saved again is no conflict, another with its id is, and changes nothing", async () => {
    await using world = await open();
    const { store } = world;
    await store.saveKey(anApiKey());
    await store.touchKey(anApiKey().id, at(1));
    await store.saveKey(anApiKey());
    await refused(store.saveKey(anApiKey({ scopes: ["admin"] })), "conflict");

    expect(await store.listKeys()).toEqual([anApiKey({ last_used_at: at(1) })]);
  });

  test("keys are listed newest first", async () => {
    await using world = await open();
    const { store } = world;
    const keys = [2, 3, 1].map((day) => anApiKey({ id: `${day}`.repeat(12), created_at: at(day) }));
    for (const key of keys) await store.saveKey(key);

    expect((await store.listKeys()).map(({ id }) => id[0])).toEqual(["3", "2", "1"]);
  });

  test("a revoked key stays, with the time of the first revocation", async () => {
    await using world = await open();
    const { store } = world;
    const key = anApiKey();
    await store.saveKey(key);
    expect(await store.revokeKey(key.id, at(1))).toEqual({ ...key, revoked_at: at(1) });
    expect(await store.revokeKey(key.id, at(2))).toEqual({ ...key, revoked_at: at(1) });

    expect(await (await world.another()).findKey(key.id)).toEqual({ ...key, revoked_at: at(1) });
    await store.saveKey(key);
    expect(await store.findKey(key.id)).toMatchObject({ revoked_at: at(1) });
  });

  test("what is no key is neither used nor revoked, and none comes of it", async () => {
    await using world = await open();
    const { store } = world;
    await store.touchKey("ffffffffffff", at(1));

    expect(await store.revokeKey("ffffffffffff", at(1))).toBeUndefined();
    expect(await store.listKeys()).toEqual([]);
  });
}
