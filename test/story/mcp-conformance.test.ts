import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { fixturesOnNode } from "../support/mcp-fixtures/node-door.ts";
import { fixturesOnWorkerd } from "../support/mcp-fixtures/workerd-door.ts";

const checkout = resolve(import.meta.dirname, "../..");
const program = join(checkout, "node_modules/.bin/conformance");

/** What cannot pass, by revision; the reasons are in docs/mcp.md, and a test holds the two together. */
const cannotPass = {
  "2026-07-28": [
    "tasks-lifecycle:sep-2663-tasks-get-status-failed",
    "tasks-mrtr-input",
    "http-custom-header-server-validation",
  ],
  "2025-11-25": [
    // No check of it fails; it says that it could not try without a session.
    "server-sse-multiple-streams",
    ...["tools-call-sampling", "tools-call-elicitation", "elicitation-sep1034-defaults", "elicitation-sep1330-enums"],
    ...["resources-subscribe", "resources-unsubscribe"],
  ],
} as const;

async function run(
  url: string,
  revision: keyof typeof cannotPass,
): Promise<Readonly<{ code: number | null; said: string }>> {
  const folder = mkdtempSync(join(tmpdir(), "agenticore-conformance-"));
  const baseline = join(folder, "cannot-pass.yml");
  writeFileSync(baseline, JSON.stringify({ server: cannotPass[revision] }));
  const args = [
    "server",
    "--url",
    url,
    "--requirements",
    revision,
    "--expected-failures",
    baseline,
    "--timeout",
    "20000",
  ];
  const child = spawn(program, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (said += chunk));
  const code = await new Promise<number | null>((done) => child.once("close", done));
  rmSync(folder, { recursive: true, force: true });
  return { code, said };
}

const doors = { Node: fixturesOnNode, workerd: fixturesOnWorkerd };

test.each(["Node", "workerd"] as const)(
  "the official conformance suite passes for 2026-07-28 and 2025-11-25 on %s, but for what docs/mcp.md names",
  async (runtime) => {
    await using door = await doors[runtime]();
    const revisions = ["2026-07-28", "2025-11-25"] as const;
    for (const { code, said } of await Promise.all(revisions.map((revision) => run(`${door.url}/mcp`, revision)))) {
      expect(said).toContain("dns-rebinding-protection: 2 passed, 0 failed");
      expect(said).toContain("tools-call-simple-text: ");
      expect(code, said).toBe(0);
    }
  },
);

test("docs/mcp.md names each scenario that cannot pass", () => {
  const page = readFileSync(join(checkout, "docs/mcp.md"), "utf8");
  const scenarios = Object.values(cannotPass).flatMap((names) => names.map((name) => name.replace(/:.*/, "")));
  const families = ["tools-call-", "resources-", "prompts-get-", "input-required-result-", "tasks-", "elicitation-"];
  const named = (name: string) =>
    page.includes(`\`${name}\``) ||
    families.some((family) => name.startsWith(family) && page.includes(`\`${family}*\``));
  expect([...new Set(scenarios)].filter((name) => !named(name))).toEqual([]);
});
