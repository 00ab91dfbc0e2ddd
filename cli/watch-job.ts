import type { ApiClient, FollowOptions } from "../shared/client.ts";
import type { Job } from "../shared/job.ts";
import type { CliContext } from "./context.ts";
import type { ExitCode } from "./exit-code.ts";
import { watchOutage } from "./outage.ts";
import { renderEvent } from "./render-event.ts";
import { renderJob } from "./render-job.ts";
import { secondSignal } from "./second-signal.ts";
import { watchProgress } from "./watch-progress.ts";

export type Watch = Readonly<{
  id: string;
  /** Each event is printed; without it only the end. */
  follow: boolean;
  json: boolean;
}>;

/**
 * Stays with a job until its end, over lost connections, and prints it. Ctrl-C says that the job goes on, a
 * second one leaves. @returns 0 only where the job succeeded.
 * @throws NoServer, at once or after an outage of ten minutes; AppError of the server.
 */
export async function watchJob(cli: CliContext, client: ApiClient, { id, follow, json }: Watch): Promise<ExitCode> {
  const { print, clock } = cli;
  const leaving = new AbortController();
  using _ = secondSignal(cli, {
    signals: ["SIGINT"],
    first: () =>
      print.note(
        `The job goes on. Cancel it with \`agenticore cancel ${id}\`, come back with \`agenticore job ${id} --follow\`. Ctrl-C again leaves.`,
      ),
    second: () => leaving.abort(),
  });
  const outage = watchOutage(cli, leaving);
  using progress = watchProgress(cli, leaving.signal);
  const onStale = (isStale: boolean) =>
    print.note(
      isStale
        ? "The server cannot reach its store; the job goes on. What happens meanwhile is shown when it can."
        : "The server reaches its store again.",
    );
  const options = { signal: leaving.signal, onLost: outage.lost, onStale };
  for await (const event of client.follow(id, options)) {
    outage.over();
    progress.seen(event);
    if (!follow) continue;
    if (json) print.data(JSON.stringify(event));
    else {
      const text = renderEvent(event, { ...print, job: id });
      if (text !== undefined) print.data(text);
    }
  }
  const job = leaving.signal.aborted ? undefined : await endOf(client, id, options);
  progress[Symbol.dispose]();
  if (job === undefined) {
    if (outage.error) throw outage.error;
    return 130;
  }
  if (json) print.data(JSON.stringify({ success: true, job }));
  else print.data(`${follow ? "\n" : ""}${renderJob(job, { ...print, nowMs: clock.now() })}`);
  return job.status === "succeeded" ? 0 : 1;
}

async function endOf(client: ApiClient, id: string, options: FollowOptions) {
  return client.waitForEnd(id, options).catch((error: unknown): Job | undefined => {
    if (options.signal?.aborted) return undefined;
    throw error;
  });
}
