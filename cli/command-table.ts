import type { CommandRows } from "./command.ts";

/** Every command; only the one that is called is loaded. */
export const commandTable: CommandRows = {
  run: { summary: "Submit a task, and follow it", load: async () => (await import("./commands/run.ts")).run },
  jobs: { summary: "List jobs, newest first", load: async () => (await import("./commands/jobs.ts")).jobs },
  job: { summary: "Show one job", load: async () => (await import("./commands/job.ts")).job },
  cancel: { summary: "Cancel a job", load: async () => (await import("./commands/cancel.ts")).cancel },
  message: {
    summary: "Tell Claude something while a job runs",
    load: async () => (await import("./commands/message.ts")).message,
  },
  answer: {
    summary: "Allow or deny what Claude asks for while a job runs",
    load: async () => (await import("./commands/answer.ts")).answer,
  },
  retry: {
    summary: "Queue an ended job again, in the same Claude session",
    load: async () => (await import("./commands/retry.ts")).retry,
  },
  publish: {
    summary: "Push an ended job's work and open its pull request again, without running Claude",
    load: async () => (await import("./commands/publish.ts")).publish,
  },
  serve: {
    summary: "Start the API and a runner on this machine",
    load: async () => (await import("./commands/serve.ts")).serve,
  },
  runner: {
    summary: "Start a runner without an API, on the store that servers of this machine use",
    load: async () => (await import("./commands/runner.ts")).runner,
  },
  keys: {
    summary: "Make, list and revoke keys of the API",
    load: async () => (await import("./commands/keys.ts")).keys,
  },
  profiles: {
    summary: "List profiles: how Claude can be run",
    load: async () => (await import("./commands/profiles.ts")).profiles,
  },
  worktrees: {
    summary: "List prepared worktrees, newest first",
    load: async () => (await import("./commands/worktrees.ts")).worktrees,
  },
  worktree: {
    summary: "Prepare, show or remove worktrees that jobs can work in",
    load: async () => (await import("./commands/worktree.ts")).worktree,
  },
  status: {
    summary: "Show whether the server and its runners are up",
    load: async () => (await import("./commands/status.ts")).status,
  },
  drain: {
    summary: "Let a runner finish its jobs and take no more",
    load: async () => (await import("./commands/drain.ts")).drain,
  },
  doctor: {
    summary: "Check that jobs can run on this machine, and say how to mend what is missing",
    load: async () => (await import("./commands/doctor.ts")).doctor,
  },
  "redis-http": {
    summary: "Serve a Redis of one's own over HTTP, in Upstash's REST protocol",
    load: async () => (await import("./commands/redis-http.ts")).redisHttp,
  },
  "init-shared-fs": {
    summary: "Make the folders of a shared file system ready for runners",
    load: async () => (await import("./commands/init-shared-fs.ts")).initSharedFs,
  },
  update: {
    summary: "Install the newest version, or the one that is named",
    load: async () => (await import("./commands/update.ts")).update,
  },
  config: {
    summary: "Show the effective configuration and where each value comes from",
    load: async () => (await import("./commands/config.ts")).config,
  },
  version: { summary: "Print the version", load: async () => (await import("./commands/version.ts")).version },
};
