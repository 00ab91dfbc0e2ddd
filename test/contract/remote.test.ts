import { remoteWorld } from "../support/remote-world.ts";
import { histories } from "./store/histories.ts";
import { storeContract } from "./store-contract.ts";

storeContract("the SQLite store behind the API, with a runner's key", remoteWorld, { histories: histories.some });
