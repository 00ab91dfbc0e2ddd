import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { removeFolder } from "../../runner/remove-folder.ts";
import { scratch } from "../support/sample-repo.ts";

const script = `
  const { removeFolder } = await import(process.argv[1]);
  await removeFolder(process.argv[2]);
`;
/** Root may do what it likes in folders that are closed to it; without this right it is as anybody else. */
const asAnybody = process.getuid?.() === 0 ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"] : [];

test("a folder goes also where folders in it were closed to us", () => {
  using place = scratch();
  const folder = join(place.path, "cache");
  mkdirSync(join(folder, "module/inner"), { recursive: true });
  writeFileSync(join(folder, "module/inner/file"), "");
  for (const closed of ["module/inner", "module"]) chmodSync(join(folder, closed), 0o555);
  const module = join(import.meta.dirname, "../../runner/remove-folder.ts");
  const [program = "", ...args] = [...asAnybody, process.execPath, "--input-type=module", "-e", script, module, folder];
  execFileSync(program, args, { stdio: ["ignore", "ignore", "inherit"] });
  expect(existsSync(folder)).toBe(false);
});

test("what a link in it leads to stays, and a folder that is not there is no failure", async () => {
  using place = scratch();
  const [folder, kept] = [join(place.path, "folder"), join(place.path, "kept")];
  for (const path of [folder, kept]) mkdirSync(path);
  writeFileSync(join(kept, "file"), "");
  symlinkSync(kept, join(folder, "link"));
  await removeFolder(folder);
  await removeFolder(folder);
  expect(readdirSync(kept)).toEqual(["file"]);
});
