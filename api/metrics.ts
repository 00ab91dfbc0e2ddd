import { JobStatus } from "../shared/job.ts";
import type { RunnerView } from "../shared/reply.ts";
import type { StoreCounts } from "../shared/store.ts";

type Labels = Readonly<Record<string, string>>;
type Sample = Readonly<{ labels?: Labels; value: number }>;
type Metric = Readonly<{ name: string; help: string; samples: readonly Sample[] }>;

/** The text exposition format of Prometheus, version 0.0.4. */
export const metricsContentType = "text/plain; version=0.0.4; charset=utf-8";

export type Measured = Readonly<{ version: string; counts: StoreCounts; runners: readonly RunnerView[] }>;

/** All gauges: what they say is read from the store, so any instance of the API gives the same. */
export function metricsText({ version, counts, runners }: Measured): string {
  const perRunner = (value: (runner: RunnerView) => number) =>
    runners.map((runner) => ({ labels: { runner: runner.name }, value: value(runner) }));
  const perPool = (value: (pool: StoreCounts["pools"][number]) => number) =>
    counts.pools.map((pool) => ({ labels: { pool: pool.pool }, value: value(pool) }));
  const metrics: readonly Metric[] = [
    { name: "agenticore_build_info", help: "Version of this server.", samples: [{ labels: { version }, value: 1 }] },
    {
      name: "agenticore_jobs",
      help: "Jobs in the store by status.",
      samples: JobStatus.options.map((status) => ({ labels: { status }, value: counts.byStatus[status] ?? 0 })),
    },
    { name: "agenticore_queue_depth", help: "Queued jobs by pool.", samples: perPool((pool) => pool.queued) },
    {
      name: "agenticore_queue_oldest_age_seconds",
      help: "Age of the oldest queued job by pool.",
      samples: perPool((pool) => pool.oldestAgeSeconds),
    },
    { name: "agenticore_runners", help: "Runners seen in the last 90 s.", samples: [{ value: runners.length }] },
    {
      name: "agenticore_runner_capacity",
      help: "Jobs that a runner takes at once.",
      samples: perRunner((runner) => runner.capacity),
    },
    {
      name: "agenticore_runner_running_jobs",
      help: "Jobs that a runner has now.",
      samples: perRunner((runner) => runner.running),
    },
    {
      name: "agenticore_runner_draining",
      help: "1 for a runner that takes no more jobs.",
      samples: perRunner((runner) => (runner.draining ? 1 : 0)),
    },
    {
      name: "agenticore_runner_disk_free_bytes",
      help: "Free space on a runner's disk.",
      samples: perRunner((runner) => runner.disk.free_bytes),
    },
  ];
  return metrics.map(text).join("");
}

const text = ({ name, help, samples }: Metric): string =>
  [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, ...samples.map((sample) => line(name, sample)), ""].join("\n");

function line(name: string, { labels, value }: Sample): string {
  const pairs = Object.entries(labels ?? {}).map(([key, label]) => `${key}="${escapeLabel(label)}"`);
  return `${name}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""} ${value}`;
}

const escapeLabel = (label: string): string =>
  label.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
