import { systemClock } from "../../../../shared/clock.node.ts";
import { openTcpWire } from "../../../../shared/store/redis/tcp-wire.node.ts";
import { wireContract } from "./wire-contract.ts";

wireContract("the wire over TCP", async ({ url }, limits = {}) =>
  openTcpWire({ url, clock: systemClock, random: Math.random, limits }),
);
