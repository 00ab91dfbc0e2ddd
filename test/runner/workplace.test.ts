import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { privateFolder } from "../../runner/workplace.ts";

const result = {
  ...{ subtype: "success", is_error: false, num_turns: 1, duration_ms: 1, models: [] },
  usage: { input_tokens: 1, output_tokens: 1, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 },
};
const ended = { exit_code: 0, output: "Done.", result, cost_usd: 0.5 };

function aJobsPlace() {
  const run = mkdtempSync(join(tmpdir(), "agenticore-workplace-"));
  const own = { run, work: join(run, "work") };
  return { own, [Symbol.dispose]: () => rmSync(run, { recursive: true, force: true }) };
}

test("how Claude has ended well in a private folder the next attempt there knows, until Claude works again", async () => {
  using place = aJobsPlace();
  const first = await privateFolder(place.own, false);
  expect(first).toMatchObject({ continued: false, holdsWork: false });
  await first.noteDone(ended);

  const second = await privateFolder(place.own, true);
  expect(second).toMatchObject({ continued: true, here: true, holdsWork: true, ended });
  await second.noteDone(undefined);
  expect(await privateFolder(place.own, true)).not.toHaveProperty("ended");
});

test("a note that cannot be read, or of a folder that is gone, says nothing", async () => {
  using place = aJobsPlace();
  const first = await privateFolder(place.own, false);
  await first.noteDone(ended);
  rmSync(place.own.work, { recursive: true });
  expect(await privateFolder(place.own, true)).not.toHaveProperty("ended");
  expect(existsSync(place.own.work)).toBe(true);
  writeFileSync(join(place.own.run, "ended.json"), '{"exit_code":"none"}');
  expect(await privateFolder(place.own, true)).not.toHaveProperty("ended");
});
