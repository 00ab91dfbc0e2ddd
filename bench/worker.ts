import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { cpuOf } from "./machine.ts";
import { figure, type Report, spreadText } from "./report.ts";
import { checkout } from "./served.ts";
import type { Stage } from "./stage.ts";
import { interleave, spreadOf } from "./statistics.ts";

/** What the Worker weighs, and what its start costs. */
export async function worker({ folder, rounds = 11, note }: Stage): Promise<Report> {
  note("building the bundle");
  const env = { PATH: process.env["PATH"], HOME: folder, WRANGLER_SEND_METRICS: "false", WRANGLER_HIDE_BANNER: "true" };
  const wrangler = join(checkout, "node_modules/.bin/wrangler");
  await promisify(execFile)(wrangler, ["deploy", "--dry-run", "--outdir", folder], { cwd: checkout, env });
  const ours = readFileSync(join(folder, "worker.js"), "utf8");
  writeFileSync(join(folder, "empty.js"), "export default { fetch: () => new Response() };\n");
  note(`${rounds} starts`);
  const start = (script: string) => () => cpuOfStart(folder, script);
  const found = await interleave({ ours: start("worker.js"), empty: start("empty.js") }, { rounds });
  const own = spreadOf(found.ours.map((ms, round) => ms - (found.empty[round] ?? Number.NaN)));
  const packed = gzipSync(ours).length / 1_000;
  return {
    text: [
      "The bundle that `npm run deploy` sends, and the CPU time of its start: that of all threads of a workerd that reads, compiles",
      "and evaluates it until it listens, less that of a workerd with an empty Worker, in turns (proc(5)). Cloudflare's machines are",
      "others. Median (least-most).",
    ].join("\n"),
    tables: [
      {
        head: ["Worker", "kB", "kB compressed", "workerd, ms", "empty, ms", "difference, ms"],
        rows: [
          [
            `${rounds} starts`,
            ...[ours.length / 1_000, packed].map(figure),
            ...[spreadOf(found.ours), spreadOf(found.empty), own].map(spreadText),
          ],
        ],
      },
    ],
    goals: [
      { what: "bundle, compressed", limit: 250, reached: packed, unit: "kB" },
      { what: "CPU of the start", limit: 150, reached: own.median, unit: "ms" },
    ],
  };
}

/** Milliseconds of CPU until workerd listens, which it does once the module was evaluated. */
async function cpuOfStart(folder: string, script: string): Promise<number> {
  const config = join(folder, `${script}.capnp`);
  // What wrangler.toml says is a text lies beside, under a name with a digest.
  const texts = globSync("*-*.js", { cwd: folder }).map((name) => `, (name = "${name}", text = embed "${name}")`);
  writeFileSync(
    config,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
);
const worker :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "${script}")${texts.join("")}],
  compatibilityDate = "2026-10-01"
);
`,
  );
  // Behind `workerd/bin/workerd` is a Node that starts it.
  const [workerd = ""] = globSync("node_modules/@cloudflare/workerd-*/bin/workerd", { cwd: checkout });
  const child = spawn(join(checkout, workerd), ["serve", config, "--control-fd=3"], {
    stdio: ["ignore", "ignore", "pipe", "pipe"],
  });
  const exited = once(child, "exit");
  let said = "";
  try {
    child.stderr?.on("data", (chunk: Buffer) => (said += chunk));
    return await new Promise<number>((listens, failed) => {
      child.stdio[3]?.on("data", (chunk: Buffer) => {
        if (String(chunk).includes('"listen"')) listens(cpuOf(child.pid ?? 0));
      });
      exited.then(() => failed(new Error(`workerd ended: ${said}`)), failed);
    });
  } finally {
    child.kill("SIGKILL");
    await exited;
  }
}
