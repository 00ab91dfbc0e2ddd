import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Server, startServer } from "../scripts/demo/start-server.ts";
import { apiClient } from "../shared/client.ts";
import { systemClock } from "../shared/clock.node.ts";
import type { JobEvent } from "../shared/event.ts";
import type { JobRequestInput } from "../shared/job.ts";

export const checkout = resolve(import.meta.dirname, "..");
export const fakeClaude = join(checkout, "bench/fake-claude");
export const program = join(checkout, "bin/agenticore.js");

/** `agenticore serve` as a process of its own, with a home of its own. */
export type Served = Server & Readonly<{ home: string; client: ReturnType<typeof apiClient> }>;

/** What each server of a benchmark gets: nothing of the person's configuration. */
export const servedEnv = (home: string, more: Readonly<Record<string, string>> = {}): Record<string, string> => ({
  PATH: process.env["PATH"] ?? "/usr/bin:/bin",
  HOME: home,
  LANG: "C.UTF-8",
  AGENTICORE_PORT: "0",
  AGENTICORE_LOG_LEVEL: "warn",
  AGENTICORE_CLAUDE_BINARY: fakeClaude,
  ANTHROPIC_API_KEY: "none-is-needed",
  ...more,
});

export async function serve(home: string, more: Readonly<Record<string, string>> = {}): Promise<Served> {
  mkdirSync(home, { recursive: true });
  const server = await startServer(program, servedEnv(home, more));
  const client = apiClient({ url: server.url, fetch: (...request) => fetch(...request), clock: systemClock });
  return { ...server, home, client };
}

/** What became of a job, and when. Milliseconds. */
export type Ran = Readonly<{
  /** From before the request was sent until Claude's process ran. */
  startedMs: number;
  /** Until the runner had seen the end. */
  endedMs: number;
  events: readonly JobEvent[];
}>;

/** Submits a job and follows it to its end; `stay` jobs are cancelled once Claude has started. */
export async function runJob({ client }: Served, request: JobRequestInput): Promise<Ran> {
  const submitted = Date.now(); // the wall clock, which is all that Claude's process and this one share
  const clock = performance.now();
  const { job } = await client.submit(request);
  const events: JobEvent[] = [];
  let startedMs: number | undefined;
  for await (const event of client.follow(job.id)) {
    events.push(event);
    const stamp = /^started (\d+)$/.exec(String(event.data["text"] ?? ""))?.[1];
    if (event.type !== "claude.said" || stamp === undefined) continue;
    startedMs = Number(stamp) / 1_000 - submitted;
    if (request.task.includes("bench: stay")) await client.cancel(job.id);
  }
  if (startedMs === undefined) throw new Error(`Claude was never started: ${JSON.stringify(events.slice(-2))}`);
  return { startedMs, endedMs: performance.now() - clock, events };
}

/** Submits a job and asks for nothing but its end. @throws Error unless it succeeded. */
export async function waitForJob({ client }: Served, request: JobRequestInput): Promise<Pick<Ran, "endedMs">> {
  const clock = performance.now();
  const { job } = await client.submit(request);
  const { status, error } = await client.waitForEnd(job.id);
  if (status !== "succeeded") throw new Error(`The job ended as ${status}: ${error}`);
  return { endedMs: performance.now() - clock };
}
