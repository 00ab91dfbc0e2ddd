import { chmodSync, existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aWorld, type SeenJob, type World } from "../support/a-world.ts";
import { eventually } from "../support/eventually.ts";
import { processesNaming } from "../support/leftovers.ts";

/** What stands in Claude's place; the first word of the task chooses. */
const fakes = {
  erroneous: `echo '{"type":"result","subtype":"success","is_error":true,"result":"it went wrong"}'; exit 0`,
  wordless: "exit 0",
  failing: "echo 'something is broken' >&2; exit 3",
  resultless: `echo '{"type":"system","subtype":"init","session_id":"s"}'; exit 0`,
  silent: "sleep 600",
  garbage: "head -c 3000000 /dev/urandom; exit 1",
  binary: `head -c 300000 /dev/urandom; printf '\\n'; ${good("despite all")}`,
  "long-line": `printf '{"type":"user","message":"'; head -c 100000000 /dev/zero | tr '\\0' x; printf '"}\\n'; ${good("after it")}`,
  "ignores-signals": `trap '' TERM INT HUP; echo '{"type":"system","subtype":"init","session_id":"s"}'; while :; do sleep 600; done`,
  daemon: `(setsid sh -c "trap '' TERM HUP INT; echo > marked; sleep 600" "$PWD" </dev/null >/dev/null 2>&1 &)
    until [ -e marked ]; do sleep 0.05; done; ${good("left one")}`,
  "bare-daemon": `(env -i setsid sh -c 'echo > bare; sleep 600' "$PWD" </dev/null >/dev/null 2>&1 &)
    until [ -e bare ]; do sleep 0.05; done; ${good("left one")}`,
} as const;
function good(text: string): string {
  return `echo '{"type":"result","subtype":"success","is_error":false,"result":"${text}"}'`;
}

/** One file, since a job sees nothing of what lies beside it in a temporary folder. */
const program = `#!/bin/bash
read -r line
case $line in
${Object.entries(fakes)
  .map(([name, text]) => `*'"content":"${name} '*)\n${text}\n;;`)
  .join("\n")}
*) exit 99 ;;
esac
`;

let world: World;
beforeAll(async () => {
  world = await aWorld({ AGENTICORE_MAX_PARALLEL_JOBS: "6" });
  world.write("bin/claude", program);
  chmodSync(join(world.home, "bin/claude"), 0o755);
  await world.serve({ direct: true, env: { AGENTICORE_CLAUDE_BINARY: join(world.home, "bin/claude") } });
});
afterAll(() => world[Symbol.asyncDispose]());

const played = async (fake: keyof typeof fakes, more: Readonly<Record<string, unknown>> = {}): Promise<SeenJob> =>
  await world.ended((await world.submit({ task: `${fake} please`, ...more })).id);

describe.concurrent("a Claude that does not behave", () => {
  test.for([
    ["erroneous", "claude_failed", /it went wrong/],
    ["wordless", "claude_failed", /exit code 0 and wrote nothing/],
    ["failing", "claude_failed", /exit code 3.*something is broken/],
    ["resultless", "claude_failed", /without a result/],
    ["garbage", "claude_failed", /not its stream format/],
  ] as const)("%s: the job fails as %s, in words", async ([fake, code, words]) => {
    const job = await played(fake);
    expect(job).toMatchObject({ status: "failed", error_code: code, attempt: 1 });
    expect(job["error"]).toMatch(words);
    expect(job["remedy"]).toBeTruthy();
  });

  test("garbage before a good end does no harm", async () => {
    expect(await played("binary")).toMatchObject({ status: "succeeded", output: "despite all" });
  });

  test("one line of 100 MB is cut, is said to be, and what comes after it counts", async () => {
    const job = await played("long-line");
    expect(job).toMatchObject({ status: "succeeded", output: "after it" });
    const cut = (await world.events(job.id)).filter(({ type }) => type === "output.truncated");
    expect(cut.reduce((sum, { data }) => sum + Number(data["bytes"]), 0)).toBeGreaterThan(98_000_000);
  });

  test("one that never writes is ended by its time", async () => {
    expect(await played("silent", { timeout_seconds: 2 })).toMatchObject({ status: "failed", error_code: "timeout" });
  });

  test("one that ignores every signal is dead within 5 s of a cancel", async () => {
    const { id } = await world.submit({ task: "ignores-signals please" });
    const { pid } = await world.until(id, (job) => job["pid"] !== undefined);
    const asked = performance.now();
    await world.call("POST", `/jobs/${id}/cancel`);
    await eventually(() => !existsSync(`/proc/${pid}`), { what: "its warden has ended" });
    expect(performance.now() - asked).toBeLessThan(6_500);
    expect(await world.ended(id)).toMatchObject({ status: "cancelled" });
  });

  test.for(["daemon", "bare-daemon"] as const)("a %s that it leaves is gone when the job is over", async (fake) => {
    const job = await played(fake);
    expect(job).toMatchObject({ status: "succeeded", output: "left one" });
    const alive = processesNaming(job.id).filter((pid) => !processesNaming("AGENTICORE_PORT=").includes(pid));
    expect(alive).toEqual([]);
  });
});

test("W-16: a Claude that is not there is claude_not_found, and names where it was looked for", async () => {
  const missing = join(world.home, "no/such/claude");
  const second = await aWorld({ AGENTICORE_CLAUDE_BINARY: missing });
  await using _ = second;
  await second.serve({ direct: true });
  const { id } = await second.submit({ task: "Go." });
  const job = await second.ended(id);
  expect(job).toMatchObject({ status: "failed", error_code: "claude_not_found" });
  expect(job["error"]).toContain(missing);
  expect(job["remedy"]).toContain("AGENTICORE_CLAUDE_BINARY");
});

test("a Claude without a login is claude_not_logged_in, and says how to log in", async () => {
  await using second = await aWorld({ ANTHROPIC_API_KEY: "" });
  await second.serve({ direct: true });
  const { id } = await second.submit({ task: "Go. [[scenario:text]]" });
  const job = await second.ended(id);
  expect(job).toMatchObject({ status: "failed", error_code: "claude_not_logged_in", attempt: 1 });
  expect(job["remedy"]).toMatch(/claude setup-token.*CLAUDE_CODE_OAUTH_TOKEN/);
  expect(second.model.requests()).toEqual([]);
});

test("where there are no namespaces, what ignores signals and a daemon that keeps its environment end all the same", async () => {
  await using second = await aWorld({ AGENTICORE_SANDBOX: "none" });
  second.write("bin/claude", program);
  chmodSync(join(second.home, "bin/claude"), 0o755);
  await second.serve({ direct: true, env: { AGENTICORE_CLAUDE_BINARY: join(second.home, "bin/claude") } });
  const left = await second.submit({ task: "daemon please" });
  expect(await second.ended(left.id)).toMatchObject({ status: "succeeded" });
  const stubborn = await second.submit({ task: "ignores-signals please", timeout_seconds: 1 });
  expect(await second.ended(stubborn.id)).toMatchObject({ status: "failed", error_code: "timeout" });
  expect(second.jobProcesses()).toEqual([]);
});

test("after all of them nothing lives, and the server takes the next job", async () => {
  expect(world.jobProcesses()).toEqual([]);
  expect(world.remains()).toEqual([]);
  expect(await played("binary")).toMatchObject({ status: "succeeded" });
  expect((await world.call("GET", "/health")).body).toMatchObject({ status: "ok" });
});
