import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { bwrapOptions, tryBwrap } from "../../../runner/box/bwrap.ts";
import { openBox } from "../../../runner/box/open-box.ts";
import { processGroup } from "../../../runner/process/sandbox.ts";

function aPlace() {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "agenticore-box-")));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const [data, work, tmp, tool] = ["data", "data/work", "tmp", "data/tool"].map((path) => join(root, path)) as string[];
  for (const path of [work, tmp, tool]) mkdirSync(path as string, { recursive: true });
  writeFileSync(join(root, "data/secret"), "");
  writeFileSync(join(root, "data/tool/run"), "");
  const view = { visible: [work ?? ""], readable: [tool ?? ""], hidden: [data ?? ""], tmp: tmp ?? "" };
  const inside = (command: string, network = true) =>
    execFileSync("bwrap", [...bwrapOptions({ ...view, network }), "--", "/bin/sh", "-c", command], {
      encoding: "utf8",
      env: { PATH: "/usr/bin:/bin" },
    });
  return { data, work, tmp, tool, inside };
}
const writable = (...paths: readonly (string | undefined)[]) =>
  paths.map((path) => `touch ${path}/x 2>/dev/null && echo yes || echo no`).join("; ");

test("what is visible can be written to, what is readable only read, what is hidden is empty, and the rest of the disk is read-only", () => {
  const { data, work, tmp, tool, inside } = aPlace();
  expect(
    inside(writable(work, tmp, "/tmp", data, tool, "/usr", "/run", "/var/tmp"))
      .split("\n")
      .slice(0, 8),
  ).toEqual([...["yes", "yes", "yes"], ...["no", "no", "no", "no", "no"]]);
  expect(inside(`ls ${data}`)).toBe("tool\nwork\n");
  expect(inside(`ls ${tool}`)).toBe("run\n");
});

test("what runs there has no capability and sees no other process; without network there is a loopback only", () => {
  const { inside } = aPlace();
  expect(inside("grep -c 'Cap[A-Z][a-z]*:.0000000000000000' /proc/self/status")).toBe("5\n");
  expect(inside("ls -d /proc/[0-9]* | wc -l").trim()).toMatch(/^[2-5]$/);
  expect(inside("tail -n +3 /proc/net/dev | cut -d: -f1", false).trim()).toBe("lo");
});

test("whether it works is found by trying it", async () => {
  expect(await tryBwrap("/usr/bin/bwrap")).toBeUndefined();
  expect(await tryBwrap("/bin/false")).toContain("Command failed");
});

test("where something that must be visible is missing, nothing of the box stays open", async () => {
  const { work = "", tmp = "" } = aPlace();
  const tree = {
    ...{ job: "job", fence: 1, cwd: work, runDir: work, tmp, sandbox: processGroup("for a test"), hidden: [] },
    argv: ["/bin/true"] as [string, ...string[]],
    env: { ADDRESS: "http://127.0.0.1:1234" },
    visible: [join("/tmp", "agenticore-nowhere")],
  };
  const profile = { sandbox: "bubblewrap", network: "off" } as const;
  const order = { profile, tree, path: "/usr/bin:/bin", needs: ["ADDRESS"], brokered: true };
  await expect(openBox(order)).rejects.toMatchObject({ code: "setup_failed" });
  expect(existsSync(join(tmp, "net"))).toBe(false);
});
