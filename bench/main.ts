import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { replaceSection } from "./document.ts";
import { describeLoad, describeMachine, fileSystemOf, loadNow } from "./machine.ts";
import { isMet, renderReport } from "./report.ts";
import { checkout } from "./served.ts";
import type { Bench, Stage } from "./stage.ts";

const usage = `npm run bench [-- PART...] [--rounds N] [--minutes M] [--folder DIR] [--write] [--keep]

Measures, prints tables, and tells what must be reached and is not (exit code 1). All parts without a name:
  start     from submission to Claude's process, beside bare git; ten jobs at once
  output    400 MB of Claude's output: memory and time
  idle      memory and CPU of a server and a runner that have nothing to do
  cli       how long the smallest command takes
  queue     the store over Redis beside BullMQ: throughput, pick-up, commands, memory, growth to a million jobs
  api       requests per second of the API, on Node and on workerd, beside bare Hono routes
  streams   2,000 event streams on one API: memory, and how soon an event reaches all
  worker    the Worker's size and what its start costs
  chaos     what is lost and what runs twice in a storm of faults, beside BullMQ; rounds are seeds
  --rounds N    how often each side is measured
  --minutes M   how long each side is under faults (chaos) or idle (queue)
  --folder DIR  where the temporary folder is made: its file system is what is measured
  --write       put the tables into docs/benchmarks.md
  --keep        leave the temporary folder there`;

/** Loaded when it is run: what one measures is not for the others to carry. */
const parts: Readonly<Record<string, () => Promise<Bench>>> = {
  start: async () => (await import("./start.ts")).start,
  output: async () => (await import("./output.ts")).output,
  idle: async () => (await import("./idle.ts")).idle,
  cli: async () => (await import("./cli.ts")).cli,
  queue: async () => (await import("./queue.ts")).queue,
  api: async () => (await import("./api.ts")).api,
  streams: async () => (await import("./streams.ts")).streams,
  worker: async () => (await import("./worker.ts")).worker,
  chaos: async () => (await import("./chaos.ts")).chaos,
};
const page = join(checkout, "docs/benchmarks.md");
const note = (line: string) => console.error(`  ${line}`);

type Options = Pick<Stage, "rounds" | "minutes"> & Readonly<{ root: string; write: boolean; keep: boolean }>;

/** Runs one part in a folder of its own. @returns whether all that must be reached was. */
async function measure(name: string, load: () => Promise<Bench>, options: Options): Promise<boolean> {
  const folder = realpathSync(mkdtempSync(join(options.root, "agenticore-bench-")));
  const write = (text: string) => replaceSection(readFileSync(page, "utf8"), sectionOf(name, folder), text);
  const clean = () => (options.keep ? note(`everything is still in ${folder}`) : remove(folder));
  try {
    if (options.write) write(""); // better told now than after minutes
    const load0 = loadNow();
    const bench = await load();
    const report = await bench({ folder, rounds: options.rounds, minutes: options.minutes, note });
    const rounds = options.rounds === undefined ? "" : ` --rounds ${options.rounds}`;
    const minutes = options.minutes === undefined ? "" : ` --minutes ${options.minutes}`;
    const today = new Date().toISOString().slice(0, 10);
    const place = options.root === tmpdir() ? "" : ` --folder ${options.root}`;
    const where = `\`npm run bench -- ${name}${rounds}${minutes}${place}\`, ${today}, ${describeMachine(folder)}. ${describeLoad(load0)}`;
    const text = `${renderReport(report)}\n\n${where}`;
    console.log(`\n## ${name}\n\n${text}\n`);
    if (options.write) writeFileSync(page, write(text));
    return report.goals.every(isMet);
  } finally {
    clean();
  }
}

/** What was measured in memory has a place of its own. */
const sectionOf = (name: string, folder: string): string =>
  fileSystemOf(folder) === "tmpfs" ? `${name}-memory` : name;

const remove = (folder: string) => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string" },
    minutes: { type: "string" },
    folder: { type: "string", default: tmpdir() },
    write: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
const unknown = positionals.filter((name) => !(name in parts));
if (values.help || unknown.length > 0) {
  console.error(unknown.length > 0 ? `There is no benchmark ${unknown.join(", ")}.\n\n${usage}` : usage);
  process.exitCode = values.help ? 0 : 2;
} else {
  const rounds = values.rounds === undefined ? undefined : Math.max(1, Math.trunc(Number(values.rounds)) || 1);
  const minutes = values.minutes === undefined ? undefined : Number(values.minutes) || 1;
  const options = { rounds, minutes, root: values.folder, write: values.write, keep: values.keep };
  for (const [name, load] of Object.entries(parts)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    console.error(name);
    if (!(await measure(name, load, options))) process.exitCode = 1;
  }
}
