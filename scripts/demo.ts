import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { dollars, duration } from "../cli/amount.ts";
import { type Print, printer } from "../cli/print.ts";
import { renderEvent } from "../cli/render-event.ts";
import { apiClient } from "../shared/client.ts";
import { systemClock } from "../shared/clock.node.ts";
import { toAppError } from "../shared/error.ts";
import type { JobEvent } from "../shared/event.ts";
import type { Job } from "../shared/job.ts";
import { demoProject, demoTask } from "../test/support/model/scenarios/demo.ts";
import { startModel } from "../test/support/model/start-model.ts";
import { serverEnvironment } from "./demo/environment.ts";
import { paintDiff } from "./demo/print-diff.ts";
import { makeProject, type SampleProject } from "./demo/sample-project.ts";
import { startServer } from "./demo/start-server.ts";

const usage = `npm run demo [-- --real] [--keep] [--task TEXT]

Makes a small git repository, starts Agenticore beside it, gives it a task, and shows what happens and what changed.
  --real        the real model, with your own login or ANTHROPIC_API_KEY; at most $1
  --keep        leave the folder there and say where it is
  --task TEXT   another task (the scripted model plays its script whatever it says)`;

const checkout = resolve(import.meta.dirname, "..");
const claude = join(checkout, "node_modules/.bin/claude");

type Options = Readonly<{ real: boolean; keep: boolean; task: string }>;

/** The whole demo. @returns whether the job succeeded and its branch is there. */
async function demo({ real, keep, task }: Options, print: Print, stop: AbortSignal): Promise<boolean> {
  if (!existsSync(claude)) throw new Error("Claude Code is not installed here: run `npm ci` first.");
  const folder = mkdtempSync(join(tmpdir(), "agenticore-demo-"));
  await using after = new AsyncDisposableStack();
  after.defer(() => (keep ? print.data(`\nEverything is still in ${folder}`) : removeFolder(folder)));
  const project = makeProject(join(folder, "greet"), demoProject, { "notes.txt": "my own, not committed\n" });
  const model = real ? undefined : after.use(await startModel({ unmarked: "demo" }));
  introduce(print, project, model?.url);

  const [home, tmp] = [join(folder, "home"), join(folder, "tmp")];
  mkdirSync(tmp);
  const env = serverEnvironment(process.env, { home, tmp, claude, model: model?.url });
  const server = after.use(await startServer(join(checkout, "bin/agenticore.js"), env));
  const client = apiClient({ url: server.url, fetch: (...request) => fetch(...request), clock: systemClock });
  const ended = limited(stop, real);
  const title = (text: string) => print.data(`\n${print.paint.bold(text)}`);
  title(`The task: ${task}`);
  const { job } = await client.submit({ task, repo_url: project.path, ...(real ? { max_budget_usd: 1 } : {}) });
  let claudeAt = 0;
  let worktree = "";
  for await (const event of client.follow(job.id, { signal: ended })) {
    if (event.type === "worktree.opened") worktree = `${event.data["path"]}/`;
    if (event.type === "claude.started") claudeAt = Date.parse(event.at);
    const text = renderEvent(shortened(event, worktree), { ...print, width: Math.min(print.width, 120) });
    if (text !== undefined) print.data(text);
  }
  if (ended.aborted && !stop.aborted)
    throw new Error(`The job did not end in time. The server said:\n${server.said()}`);
  const done = await client.waitForEnd(job.id, { signal: stop });
  title("What changed");
  const branch = showResult(print, project, { job: done, claudeAt });
  if (done.status !== "succeeded" && server.said().trim()) print.note(`\nThe server said:\n${server.said()}`);
  return done.status === "succeeded" && branch;
}

/** The script takes seconds; a real model as long as it takes. */
const scriptedMs = 180_000;
const limited = (stop: AbortSignal, real: boolean): AbortSignal =>
  real ? stop : AbortSignal.any([stop, AbortSignal.timeout(scriptedMs)]);

function introduce(print: Print, { path }: SampleProject, modelUrl: string | undefined): void {
  const { bold, dim } = print.paint;
  print.data(bold("Agenticore: submit a task, get the change on a branch."));
  print.data(
    modelUrl === undefined
      ? "The model is real: this uses your own login or key and costs a little."
      : "The model is SCRIPTED: Claude Code, git and Agenticore are real and really run, but a small local server plays\nthe model's part from a script. No account is used, nothing is sent anywhere. With your own: npm run demo -- --real",
  );
  print.data(dim(`Sample repository: ${path}, branch main, with one file that is not committed.`));
}

/** Paths as they are in the repository: the worktree's own long one says nothing here. */
const shortened = (event: JobEvent, worktree: string): JobEvent =>
  worktree === "" || event.type === "worktree.opened"
    ? event
    : (JSON.parse(JSON.stringify(event).replaceAll(worktree, "")) as JobEvent);

type Result = Readonly<{
  job: Job;
  /** Epoch milliseconds; 0 when it did not start. */
  claudeAt: number;
}>;

/** Diff, branch, cost, times. @returns whether the branch is there and the person's own tree is untouched. */
function showResult(print: Print, { git }: SampleProject, { job, claudeAt }: Result): boolean {
  const { branch, created_at, ended_at } = job;
  const there = branch !== undefined && git("for-each-ref", "--format=%(refname)", `refs/heads/${branch}`) !== "";
  if (there) {
    print.data(git("log", "--format=%h %s (%an)", `main..${branch}`));
    print.data(paintDiff(git("diff", `main..${branch}`), print.paint));
  } else print.data("Nothing: there is no branch.");
  const own = git("status", "--porcelain", "--branch");
  const untouched = own === "## main\n?? notes.txt";
  const sinceSubmit = (ms: number) => duration(ms - Date.parse(created_at));
  const start = claudeAt > 0 ? `Claude Code started after ${sinceSubmit(claudeAt)}` : "Claude Code did not start";
  const facts = [
    ["result", `${job.status}${job.error ? `: ${job.error}` : ""}`],
    ["remedy", job.remedy],
    ["branch", there ? `${branch}, in the sample repository` : "none"],
    ["your tree", untouched ? "untouched: still on main, notes.txt still not committed" : `CHANGED:\n${own}`],
    ["time", `${sinceSubmit(Date.parse(ended_at ?? created_at))} in all; ${start}`],
    ["cost", `${dollars(job.cost_usd ?? 0)}, ${job.num_turns ?? 0} turns`],
  ] as const;
  print.data("");
  for (const [name, value] of facts) if (value) print.data(`${print.paint.dim(`${name}:`.padEnd(10))} ${value}`);
  return there && untouched;
}

const removeFolder = (folder: string) => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });

const print = printer({ out: process.stdout, err: process.stderr, env: process.env });
const { values } = parseArgs({
  options: {
    real: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
    task: { type: "string", default: demoTask },
    help: { type: "boolean", short: "h", default: false },
  },
});
if (values.help) print.data(usage);
else {
  const stop = new AbortController();
  const end = () => {
    if (!stop.signal.aborted) print.note("\nStopping; this takes a few seconds.");
    stop.abort();
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, end);
  process.exitCode = await demo(values, print, stop.signal).then(
    (well) => (well ? 0 : 1),
    (error: unknown) => {
      if (stop.signal.aborted) return 130;
      const { message, remedy } = toAppError(error);
      print.error(error instanceof Error && error.name === "Error" ? message : `${message} ${remedy}`);
      return 1;
    },
  );
}
