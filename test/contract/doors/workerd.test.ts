import { startWorker } from "../../support/a-worker.ts";
import { doorContract } from "./door-contract.ts";

doorContract("a door on workerd", startWorker);
