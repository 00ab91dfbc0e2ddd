import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { planMounts } from "../../../runner/process/mount-plan.ts";
import { probeSandbox } from "../../../runner/process/probe-sandbox.ts";
import { rootNamespace, type Sandbox, userNamespace } from "../../../runner/process/sandbox.ts";
import { systemClock as clock } from "../../../shared/clock.node.ts";
import { aPlace } from "./a-tree.ts";

test("the probe finds namespaces where they can be made, and leaves nothing behind", async () => {
  using place = aPlace();
  const sandbox = await probeSandbox({ wanted: "auto", clock, folder: place.tmp });
  expect(sandbox).toEqual(process.getuid?.() === 0 ? rootNamespace : userNamespace);
  expect(readdirSync(place.tmp)).toEqual([]);
});

test("without namespaces the probe says why, and what is not protected", async () => {
  using place = aPlace();
  const powerless = process.getuid?.() === 0 ? ["setpriv", "--bounding-set=-all", "--"] : [];
  const candidates = [{ ...rootNamespace, enter: [...powerless, ...rootNamespace.enter] }];
  const { tier, why } = await probeSandbox({ wanted: "auto", clock, folder: place.tmp, candidates });
  expect(tier).toBe("group");
  expect(why).toMatch(
    /^Namespaces cannot be made on this machine \(unshare: .*not permitted\), so jobs run without them: they see/,
  );
});

/** Runs the probe as a program: `wrapper` is a command that puts it elsewhere. */
async function probed(wrapper: readonly string[], enter: readonly string[] = []): Promise<Sandbox> {
  const [command, ...args] = [
    ...wrapper,
    process.execPath,
    join(import.meta.dirname, "../../fixtures/probe.ts"),
    ...enter,
  ];
  const child = spawn(command as string, args, { stdio: ["ignore", "pipe", "inherit"] });
  let told = "";
  child.stdout.on("data", (data) => {
    told += String(data);
  });
  await once(child, "close");
  return JSON.parse(told);
}

// In a mount namespace around all of it: were the check missing, this would cover the machine's /tmp and /proc.
const asRoot = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
const inside = ["unshare", ...asRoot, "--mount", "--propagation", "private"];

test.each([
  ["neither namespace", ["env"]],
  ["no PID namespace", ["unshare", "--mount"]],
  ["no mount namespace", ["unshare", "--pid", "--fork", "--kill-child=KILL"]],
])("nothing is mounted when a command that should enter namespaces enters %s", async (_, enter) => {
  const { tier, why } = await probed(inside, enter);
  expect([tier, why]).toEqual(["group", expect.stringContaining("(no namespaces were entered)")]);
});

test("a sandbox that was declined is said to be", async () => {
  expect(await probeSandbox({ wanted: "none", clock })).toMatchObject({
    tier: "group",
    why: expect.stringMatching(/^AGENTICORE_SANDBOX declines namespaces, so jobs run without them/),
  });
});

test("whoever may not make namespaces gets them by a user namespace", async () => {
  const sandbox = await probed(process.getuid?.() === 0 ? ["setpriv", "--bounding-set=-sys_admin"] : []);
  expect(sandbox).toMatchObject({ tier: "namespace", why: expect.stringContaining("user namespace") });
});

test("mounts are made from the outside in, and only what lies below a cover is shown again", () => {
  const view = { tmp: "/var/tmp", visible: ["/usr/bin", "/usr", "/etc"], hidden: ["/usr/share", "/nowhere"] };
  expect(planMounts({ ...view, hidden: ["/usr", "/nowhere"] })).toEqual([
    ["bind", "/var/tmp", "/tmp"],
    ["hide", "", "/usr"],
    ["bind", "/usr", "/usr"],
    ["bind", "/usr/bin", "/usr/bin"],
  ]);
});

test("what must be visible has to be there", () => {
  const plan = () => planMounts({ tmp: "/var/tmp", visible: ["/nowhere/config"], hidden: ["/usr"] });
  expect(plan).toThrow("/nowhere/config does not exist, but the job needs it.");
});
