import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { references } from "../../scripts/reference.ts";

test.each(Object.entries(references))(
  "%s says what the program does (node scripts/reference.ts)",
  async (path, text) => {
    expect(readFileSync(join(import.meta.dirname, "../..", path), "utf8")).toBe(await text());
  },
);
