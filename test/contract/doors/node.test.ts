import { doorContract } from "./door-contract.ts";
import { nodeDoor } from "./door-world.ts";

doorContract("a door on Node", nodeDoor);
