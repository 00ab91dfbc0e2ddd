import { scopedHttpWorld } from "../support/scoped-http-world.ts";
import { histories } from "./store/histories.ts";
import { storeContract } from "./store-contract.ts";

storeContract("the Redis store over HTTP, with a token of its prefix", scopedHttpWorld(), {
  histories: histories.some,
});
