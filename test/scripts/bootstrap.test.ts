import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";

test("the scripts of package.json run in a checkout whose path has spaces and letters of other languages", async () => {
  const home = mkdtempSync(join(tmpdir(), "ac-bootstrap-"));
  try {
    const checkout = join(home, "mein größtes projekt 100%");
    mkdirSync(join(checkout, "node_modules"), { recursive: true });
    cpSync("scripts/bootstrap.mjs", join(checkout, "scripts/bootstrap.mjs"));
    const write = (name: string, content: object) => writeFileSync(join(checkout, name), JSON.stringify(content));
    write("package.json", { scripts: { "hello:inner": 'node -e "console.log(process.cwd())"' } });
    for (const lock of ["package-lock.json", "node_modules/.package-lock.json"]) write(lock, { packages: {} });

    const { stdout } = await execa(process.execPath, [join(checkout, "scripts/bootstrap.mjs"), "hello"], { cwd: home });
    expect(stdout).toBe(checkout);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
