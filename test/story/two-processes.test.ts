import { describe } from "vitest";
import { twoBoxesStory } from "../support/two-boxes.ts";

describe.concurrent("two processes on one SQLite file", () =>
  twoBoxesStory(async () => ({ env: {}, apart: false, [Symbol.asyncDispose]: async () => undefined })));
