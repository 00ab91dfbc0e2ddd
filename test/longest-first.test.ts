import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { longest } from "./longest-first.ts";

test("each story that is to begin first is there", () => {
  for (const name of longest)
    expect(existsSync(resolve(import.meta.dirname, `story/${name}.test.ts`)), name).toBe(true);
});
