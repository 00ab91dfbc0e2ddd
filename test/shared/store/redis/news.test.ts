import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { systemClock } from "../../../../shared/clock.node.ts";
import { openNews } from "../../../../shared/store/redis/news.ts";
import type { RedisWire } from "../../../../shared/store/redis/wire.ts";
import { openRedisStore } from "../../../../shared/store/redis.ts";
import { aJob, aRunner } from "../../../support/a-job.ts";

test("a runner that has retired is listened for no more, however many come and go at one server", async () => {
  const heard: (readonly string[] | undefined)[] = [];
  const wire: RedisWire = {
    send: async () => null,
    run: async ({ name }) => (name === "announce" ? ["announced", 0, 0, "", 1] : ["retired"]),
    listen: ({ channels }) => void heard.push(channels),
    [Symbol.asyncDispose]: async () => undefined,
  };
  const ports = { clock: systemClock, random: Math.random, newId: randomUUID };
  await using store = openRedisStore({ ...ports, wire, prefix: "p" });
  await store.announce(aRunner({ id: "box-1/a1" }));
  await store.announce(aRunner({ id: "box-2/b1" }));
  await store.retire("box-1/a1");
  await store.changed({ runner: "box-2/b1", timeoutMs: 1 });

  expect(heard).toEqual([["p:wake", "p:ctl:box-2/b1"]]);
});

test("what a server knows of jobs whose runners died without a word stays bounded", () => {
  const news = openNews(systemClock);
  const jobs = Array.from({ length: 1_001 }, () => aJob());
  for (const job of jobs)
    news.hold({ job: job.id, runner: "box-1/a1", fence: 1 }, { job, revision: 1, startedAt: job.created_at });

  const isKnown = ({ id }: (typeof jobs)[number]) => news.held(id) !== undefined && news.holder(id) !== undefined;
  expect([jobs.slice(0, 1), jobs.slice(1)].map((some) => some.every(isKnown))).toEqual([false, true]);
});
