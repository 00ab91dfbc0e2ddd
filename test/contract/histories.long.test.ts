import { describe } from "vitest";
import { remoteWorld } from "../support/remote-world.ts";
import { scopedHttpWorld } from "../support/scoped-http-world.ts";
import { histories, historiesContract } from "./store/histories.ts";

describe("the Redis store over HTTP, with a token of its prefix", () => {
  historiesContract(scopedHttpWorld(), histories.all);
});

describe("the SQLite store behind the API, with a runner's key", () => {
  historiesContract(remoteWorld, histories.all);
});
