import { describe } from "vitest";
import { startBridge } from "../support/a-bridge.ts";
import { startRedis } from "../support/a-redis.ts";
import { throughApi } from "../support/a-runner-key.ts";
import { twoBoxesStory } from "../support/two-boxes.ts";

describe.concurrent("two processes on one SQLite file", () =>
  twoBoxesStory(async () => ({ env: {}, [Symbol.asyncDispose]: async () => undefined })));

describe.concurrent("an API that reaches Redis over TCP, and a runner on another box over HTTP", () =>
  twoBoxesStory(async () => {
    const redis = await startRedis();
    const bridge = await startBridge(redis.url);
    return {
      env: { REDIS_URL: redis.url },
      otherBox: async () => ({ REDIS_URL: bridge.url, REDIS_TOKEN: bridge.token }),
      [Symbol.asyncDispose]: async () => {
        await bridge.dispose();
        await redis[Symbol.asyncDispose]();
      },
    };
  }));

describe.concurrent("an API with the embedded store, and a runner on another box that has its address and a key", () =>
  twoBoxesStory(async () => ({
    env: throughApi.api,
    otherBox: throughApi.runner,
    [Symbol.asyncDispose]: async () => undefined,
  })));
