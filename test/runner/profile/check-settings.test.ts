import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readMistakes, settingsChecker } from "../../../runner/profile/check-settings.ts";

/** A program that answers as `claude doctor` does, and counts how often it is asked. */
function aClaude(script: string) {
  const folder = mkdtempSync(join(tmpdir(), "agenticore-doctor-"));
  const program = join(folder, "claude");
  writeFileSync(program, `#!/bin/sh\necho asked >> ${folder}/log\n${script}\n`, { mode: 0o755 });
  return {
    folder,
    check: settingsChecker({ binary: program, path: "", cwd: "/" }),
    asked: () => readFileSync(join(folder, "log"), "utf8").split("\n").length - 1,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

test("what the program says of the settings is told, and asked once for the same settings, one at a time", async () => {
  using claude = aClaude(`echo "Invalid settings"; echo "- $CLAUDE_CONFIG_DIR/settings.json › model: is no text"`);
  const all = await Promise.all([claude.check({ model: 7 }), claude.check({ model: 7 }), claude.check({ model: 8 })]);
  expect(all).toEqual([["model: is no text"], ["model: is no text"], ["model: is no text"]]);
  expect(claude.asked()).toBe(2);
});

test("settings whose every part was looked at already are not asked about", async () => {
  using claude = aClaude("exit 1");
  await claude.check({ permissions: { deny: ["x"], defaultMode: "plan" }, env: { A: "1" }, hooks: {} });
  expect(readdirSync(claude.folder)).not.toContain("log");
  await claude.check({ permissions: { deny: ["x"], other: true } });
  expect(claude.asked()).toBe(1);
});

test("a program that fails, says something else or is not there finds nothing wrong", async () => {
  using failing = aClaude("exit 1");
  using talking = aClaude("echo 'No installation issues found.'");
  expect(await failing.check({ model: 7 })).toEqual([]);
  expect(await talking.check({ model: 7 })).toEqual([]);
  expect(await settingsChecker({ binary: "/nonexistent", path: "", cwd: "/" })({ model: 7 })).toEqual([]);
});

test("only mistakes of the file that was asked about count", () => {
  const said = "Invalid settings\n- /x/settings.json › a.b: wrong\n- /y/settings.json › c: wrong\n\nOther\n- z";
  expect(readMistakes(said, "/x/settings.json")).toEqual(["a.b: wrong"]);
});
