import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { aServedApi } from "../support/a-served-api.ts";

const checkout = resolve(import.meta.dirname, "../..");
const program = join(checkout, "node_modules/.bin/conformance");

/** Scenarios that look for tools, resources and prompts which only a server that was made for this suite has. */
const wantFixtures = [
  "completion-complete",
  ...["simple-text", "image", "audio", "embedded-resource", "mixed-content", "error", "with-progress"].map(
    (tool) => `tools-call-${tool}`,
  ),
  ...["read-text", "read-binary", "templates-read"].map((resource) => `resources-${resource}`),
  ...["simple", "with-args", "embedded-resource", "with-image"].map((prompt) => `prompts-get-${prompt}`),
  "json-schema-2020-12",
];
/** What cannot pass, by revision; the reasons are in docs/mcp.md, and a test holds the two together. */
const cannotPass = {
  "2026-07-28": [
    ...wantFixtures,
    ...[
      "server-rejects-undeclared-capability",
      "missing-capability-http-400",
      "http-server-no-independent-requests-on-stream",
      "server-no-log-without-loglevel",
    ].map((check) => `server-stateless:sep-2575-${check}`),
    ...["basic-elicitation", "basic-sampling", "basic-list-roots", "request-state", "multiple-input-requests"].map(
      (name) => `input-required-result-${name}`,
    ),
    ...["multi-round", "non-tool-request", "result-type", "tampered-state", "capability-check"].map(
      (name) => `input-required-result-${name}`,
    ),
    // No check of these fails; they say that they could not try.
    ...["missing-input-response", "ignore-extra-params"].map((name) => `input-required-result-${name}`),
    ...["lifecycle", "capability-negotiation", "wire-fields", "request-state-removal", "mrtr-input"].map(
      (name) => `tasks-${name}`,
    ),
    ...["request-headers", "dispatch-and-envelope", "required-task-error", "mrtr-composition"].map(
      (name) => `tasks-${name}`,
    ),
    "http-custom-header-server-validation",
  ],
  "2025-11-25": [
    ...wantFixtures,
    // No check of it fails; it says that it could not try without a session.
    "server-sse-multiple-streams",
    "logging-set-level",
    "tools-call-with-logging",
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

test.each(["2026-07-28", "2025-11-25"] as const)(
  "the official conformance suite passes for %s, but for what docs/mcp.md names",
  async (revision) => {
    await using served = await aServedApi();
    const { code, said } = await run(`${served.url}/mcp`, revision);
    expect(said).toContain("dns-rebinding-protection: 2 passed, 0 failed");
    expect(said).toContain("tools-list: ");
    expect(code, said).toBe(0);
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
