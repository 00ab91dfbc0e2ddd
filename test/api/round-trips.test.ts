import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { systemClock } from "../../shared/clock.node.ts";
import { Secret } from "../../shared/secret.ts";
import { openTcpWire } from "../../shared/store/redis/tcp-wire.node.ts";
import type { RedisWire } from "../../shared/store/redis/wire.ts";
import { openRedisStore } from "../../shared/store/redis.ts";
import { aRunner } from "../support/a-job.ts";
import { startRedis } from "../support/a-redis.ts";
import { anApi, someProfiles } from "../support/an-api.ts";

/** Counts what goes to Redis and is waited for. */
function counted(wire: RedisWire) {
  const asked: string[] = [];
  const of: RedisWire = {
    ...wire,
    send: (command) => {
      asked.push(String(command[0]));
      return wire.send(command);
    },
    run: (script, keys, args) => {
      asked.push(script.name);
      return wire.run(script, keys, args);
    },
  };
  return { wire: of, asked };
}

test("a submission and a read are one round trip to the store each, with a key of the configuration", async () => {
  await using redis = await startRedis();
  const { wire, asked } = counted(openTcpWire({ url: redis.url, clock: systemClock, random: Math.random }));
  const facts = { clock: systemClock, random: Math.random, newId: randomUUID };
  await using store = openRedisStore({ wire, prefix: "agenticore", ...facts });
  await store.announce(aRunner({ profiles: someProfiles }));
  await using api = await anApi({
    store,
    settings: { apiKeys: [new Secret("a-key-of-the-test")], loopbackOnly: false },
  });
  const key = { "x-api-key": "a-key-of-the-test" };
  const ask = async (act: () => Promise<{ status: number }>) => {
    asked.length = 0;
    expect((await act()).status).toBeLessThan(300);
    return [...asked];
  };
  const submit = (request: object = {}) => api.post("/jobs", { task: "Add a test", ...request }, key);

  // The first of a process learns which profiles there are.
  expect(await ask(() => submit())).toEqual(["runners", "submit"]);
  expect(await ask(() => submit())).toEqual(["submit"]);
  expect(await ask(() => submit({ profile: "review", repo_url: "https://github.com/octo/repo" }))).toEqual(["submit"]);
  const { id } = (await submit()).body["job"] as { id: string };
  expect(await ask(() => api.get(`/jobs/${id}`, key))).toEqual(["get"]);
  expect(await ask(() => api.get("/jobs", key))).toEqual(["list"]);
});

test("a profile that a runner has of its own is looked up with each submission: who has it may have changed", async () => {
  await using api = await anApi();
  const own = (error?: string) =>
    aRunner({ profiles: [{ name: "docs", description: "", source: "user", ...(error ? { error } : {}) }] });
  await api.store.announce(own());
  expect((await api.post("/jobs", { task: "x", profile: "docs" })).status).toBe(202);
  await api.store.announce(own("extends a profile that is not there"));
  expect((await api.post("/jobs", { task: "x", profile: "docs" })).body["code"]).toBe("profile_invalid");
});

test("what is remembered of a profile goes with the reading that it came from", async () => {
  await using api = await anApi();
  const submit = async (profile: string) => (await api.post("/jobs", { task: "x", profile })).body["code"];
  await api.store.announce(aRunner({ profiles: someProfiles }));
  expect(await submit("code")).toBeUndefined();
  expect(await submit("code")).toBeUndefined();
  const own = { name: "code", description: "", source: "user", error: "extends a profile that is not there" } as const;
  await api.store.announce(aRunner({ profiles: [own] }));
  expect(await submit("code")).toBeUndefined();

  // It is none that is remembered, so the runners are read again.
  expect(await submit("no-such-profile")).toBe("profile_not_found");
  expect(await submit("code")).toBe("profile_invalid");
});
