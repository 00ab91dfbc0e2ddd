import { afterAll, beforeAll, describe } from "vitest";
import type { ApiKeyRecord } from "../../../shared/api-key.ts";
import { access } from "./access.ts";
import { badInput } from "./bad-input.ts";
import { aCaller, type Caller, type Door, type DoorWorld, doorWorld, type OpenDoor } from "./door-world.ts";
import { jobsOverRest } from "./jobs.ts";
import { mcp } from "./mcp.ts";
import { runners } from "./runners.ts";
import { sameAnswers } from "./same-answers.ts";
import { sse } from "./sse.ts";
import { streams } from "./streams.ts";

/** What the tests of one file share: they are there once the first test runs. */
export type Place = Readonly<{
  world: () => DoorWorld;
  door: () => Door;
  /** Somebody new, with a key whose facts these are. */
  caller: (facts?: Partial<ApiKeyRecord>) => Promise<Caller>;
}>;

/** What every door promises, whatever it runs on: each opens one, over a Redis of its own. */
export function doorContract(name: string, open: OpenDoor): Place {
  let world: DoorWorld | undefined;
  let door: Door | undefined;
  beforeAll(async () => {
    world = await doorWorld();
    door = await open(world.env);
  });
  afterAll(async () => {
    await door?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
  });
  const place: Place = {
    world: () => there(world),
    door: () => there(door),
    caller: (facts) => aCaller(there(door).url, there(world), facts),
  };
  describe(name, () => {
    describe("access", () => access(place));
    describe("jobs over REST", () => jobsOverRest(place));
    describe("event streams", () => streams(place));
    describe("bad input", () => badInput(place));
    describe("runners", () => runners(place));
    describe("MCP", () => mcp(place));
    describe("MCP over HTTP+SSE", () => sse(place));
    describe("every way to ask", () => sameAnswers(place));
  });
  return place;
}

function there<T>(part: T | undefined): T {
  if (part === undefined) throw new Error("the world of the doors did not open");
  return part;
}
