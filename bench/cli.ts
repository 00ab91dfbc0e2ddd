import { spawn } from "node:child_process";
import { once } from "node:events";
import { systemNode } from "./machine.ts";
import { type Report, spreadText, type Table } from "./report.ts";
import { program } from "./served.ts";
import type { Stage } from "./stage.ts";
import { interleave, ratioOf, spreadOf } from "./statistics.ts";

/** The smallest command beside the smallest program of the same Node. */
export async function cli({ rounds = 41, note }: Stage): Promise<Report> {
  const other = systemNode(process.env["PATH"] ?? "");
  const nodes = [process.execPath, ...(other === undefined ? [] : [other])];
  const measured = [];
  for (const node of nodes) {
    note(`${rounds} rounds with ${node}`);
    const times = await interleave(
      { bare: () => msOf(node, ["-e", "0"]), version: () => msOf(node, [program, "version"]) },
      { rounds },
    );
    measured.push({ name: await versionOf(node), ...times, ratio: ratioOf(times.version, times.bare) });
  }
  const table: Table = {
    head: [`${rounds} rounds`, "`node -e 0`, ms", "`agenticore version`, ms", "times, round by round"],
    rows: measured.map(({ name, bare, version, ratio }) => [
      `Node ${name}`,
      spreadText(spreadOf(bare)),
      spreadText(spreadOf(version)),
      spreadText(ratio),
    ]),
  };
  return {
    text: "`node bin/agenticore.js version` beside `node -e 0`: from spawn to exit. Median (least-most).",
    tables: [table],
    goals: measured.map(({ name, ratio }) => ({
      what: `Node ${name}: times bare Node`,
      limit: 3,
      reached: ratio.median,
    })),
  };
}

async function msOf(node: string, args: readonly string[]): Promise<number> {
  const at = performance.now();
  const [code] = await once(spawn(node, args, { stdio: "ignore" }), "exit");
  if (code !== 0) throw new Error(`${node} ${args.join(" ")} ended with ${code}`);
  return performance.now() - at;
}

async function versionOf(node: string): Promise<string> {
  const child = spawn(node, ["--version"], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => (said += chunk));
  await once(child, "close");
  return said.trim();
}
