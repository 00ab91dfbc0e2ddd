import { spawn } from "node:child_process";
import { type Job, Worker } from "bullmq";
import { z } from "zod";

const Settings = z.object({
  REDIS_URL: z.string(),
  CHAOS_LIFE: z.string(),
  CHAOS_CLAUDE: z.string(),
  CHAOS_LOCK_MS: z.coerce.number(),
  PATH: z.string(),
});
const { REDIS_URL, CHAOS_LIFE, CHAOS_CLAUDE, CHAOS_LOCK_MS, PATH } = Settings.parse(process.env);

/** What a person writes who runs a program for each job: detached, so that it can be killed with all that it started. */
async function run(job: Job<{ task: string }>): Promise<void> {
  const child = spawn(CHAOS_CLAUDE, {
    detached: true,
    env: { PATH, CHAOS_LIFE, AGENTICORE_JOB_ID: String(job.id), AGENTICORE_FENCE: String(job.attemptsStarted) },
    stdio: ["pipe", "ignore", "ignore"],
  });
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(`${JSON.stringify({ type: "user", message: { content: job.data.task } })}\n`);
  const code = await new Promise((done) => child.once("exit", done));
  if (code !== 0) throw new Error(`Claude ended with ${code}`);
}

const worker = new Worker("chaos", run, {
  connection: { url: REDIS_URL, maxRetriesPerRequest: null },
  concurrency: 2,
  lockDuration: CHAOS_LOCK_MS,
  stalledInterval: CHAOS_LOCK_MS,
  // A job may lose its worker as often as one of ours.
  maxStalledCount: 5,
});
worker.on("error", (error) => console.error(error.message));
worker.on("lockRenewalFailed", (jobs) => console.error(`lock renewal failed: ${jobs.join(", ")}`));
let asked = false;
process.on("SIGTERM", () => {
  if (asked) process.exit(130);
  asked = true;
  void worker.close().then(() => process.exit(0));
});
console.error("worker ready");
