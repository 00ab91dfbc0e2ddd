import { systemClock } from "../../../../shared/clock.node.ts";
import { Secret } from "../../../../shared/secret.ts";
import { openHttpWire } from "../../../../shared/store/redis/http-wire.ts";
import { startBridge } from "../../../support/a-bridge.ts";
import { wireContract } from "./wire-contract.ts";

wireContract("the wire over HTTP", async (redis, limits = {}) => {
  const bridge = await startBridge(redis.url);
  const { url, token } = bridge;
  const wire = openHttpWire({ url, token: new Secret(token), clock: systemClock, random: Math.random, fetch, limits });
  return {
    ...wire,
    [Symbol.asyncDispose]: async () => {
      await wire[Symbol.asyncDispose]();
      await bridge[Symbol.asyncDispose]();
    },
  };
});
