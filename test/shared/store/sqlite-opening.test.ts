import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";

const program = join(import.meta.dirname, "../../fixtures/store-opener.ts");
const processes = 6;
const rounds = 60;

/** Processes that wait to be told what to open. */
async function openers() {
  const children = Array.from({ length: processes }, () => {
    const child = spawn(process.execPath, [program], { stdio: ["pipe", "pipe", "inherit"] });
    return {
      child,
      gone: once(child, "exit"),
      lines: createInterface({ input: child.stdout })[Symbol.asyncIterator](),
    };
  });
  const answers = async () => await Promise.all(children.map(async ({ lines }) => (await lines.next()).value));
  await answers();
  return {
    /** What each says who opens this path, all at the same moment. */
    open: async (path: string) => {
      for (const { child } of children) child.stdin.write(`${path}\n`);
      return await answers();
    },
    [Symbol.asyncDispose]: async () => {
      for (const { child } of children) child.kill("SIGKILL");
      await Promise.all(children.map(({ gone }) => gone));
    },
  };
}

test(`${processes} processes that open a new store at once all get it, in each of ${rounds} rounds`, async () => {
  const dir = mkdtempSync(join(tmpdir(), "agenticore-store-"));
  try {
    await using all = await openers();
    for (let round = 0; round < rounds; round += 1) {
      // A folder of its own: making that is part of it.
      const said = await all.open(join(dir, String(round), "agenticore.db"));
      expect(said, `round ${round}`).toEqual(Array.from({ length: processes }, () => "{}"));
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
