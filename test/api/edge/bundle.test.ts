import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";

const checkout = resolve(import.meta.dirname, "../../..");

test("what is deployed is under 250 kB compressed, uses nothing of Node, and is of this version", async () => {
  const home = mkdtempSync(join(tmpdir(), "agenticore-bundle-"));
  try {
    const wrangler = join(checkout, "node_modules/.bin/wrangler");
    const env = { PATH: process.env["PATH"], HOME: home, WRANGLER_SEND_METRICS: "false", WRANGLER_HIDE_BANNER: "true" };
    const args = ["deploy", "--dry-run", "--outdir", home];
    const { stdout, stderr } = await promisify(execFile)(wrangler, args, { cwd: checkout, env });
    const bundle = readFileSync(join(home, "worker.js"), "utf8");

    expect(gzipSync(bundle).length).toBeLessThan(250_000);
    expect(gzipSync(bundle).length).toBeGreaterThan(50_000);
    expect(bundle).not.toMatch(/["']node:/);
    expect(`${stdout}${stderr}`).not.toMatch(/WARNING|ERROR/);
    const { version } = JSON.parse(readFileSync(join(checkout, "package.json"), "utf8"));
    expect(bundle).toContain(JSON.stringify(version));
    expect(readFileSync(join(checkout, "wrangler.toml"), "utf8")).toContain(`AGENTICORE_VERSION = '"${version}"'`);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
