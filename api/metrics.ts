import type { BudgetState } from "../shared/budget.ts";
import type { Histogram } from "../shared/histogram.ts";
import { JobStatus } from "../shared/job.ts";
import type { NoticeCounts } from "../shared/notice-store.ts";
import type { RunnerRecord, StoreCounts } from "../shared/store.ts";
import { type Family, familyText, type Labels, type Sample } from "./metrics/exposition.ts";

/** What the metrics are made of; `store` is absent while the store is away. */
export type Measured = Readonly<{
  version: string;
  store?: Readonly<{
    counts: StoreCounts;
    runners: readonly RunnerRecord[];
    /** Today's budget of all jobs, if there is one. */
    budgets?: readonly Readonly<BudgetState & { limitUsd: number }>[];
    notices?: NoticeCounts;
  }>;
  /** Of this process. */
  storeErrors: Readonly<Record<string, number>>;
  spooled?: Readonly<{ submissions: number; endings: number }>;
}>;
/** A family of metrics, and how it is measured. */
export type Metric = Omit<Family, "samples"> & Readonly<{ samples: (measured: Measured) => readonly Sample[] }>;

type Counts = StoreCounts;
const ofStore = (samples: (counts: Counts) => readonly Sample[]) => (measured: Measured) =>
  measured.store ? samples(measured.store.counts) : [];
const perPool = (value: (pool: Counts["pools"][number]) => number) =>
  ofStore(({ pools }) => pools.map((pool) => ({ labels: { pool: pool.pool }, value: value(pool) })));
/** Runners may share a name: their id tells them apart. */
const labelsOf = ({ name, id }: RunnerRecord): Labels => ({ runner: name, instance_id: id.replace(/^.*\//, "") });
const perRunner =
  (samples: (runner: RunnerRecord) => readonly Sample[]) =>
  ({ store }: Measured): readonly Sample[] =>
    (store?.runners ?? []).flatMap((runner) =>
      samples(runner).map((sample) => ({ ...sample, labels: { ...labelsOf(runner), ...sample.labels } })),
    );
const oneOf = (value: (runner: RunnerRecord) => number) => perRunner((runner) => [{ value: value(runner) }]);
type Totals = NonNullable<RunnerRecord["totals"]>;
const done = (samples: (totals: Totals) => readonly Sample[]) =>
  perRunner(({ totals }) => (totals ? samples(totals) : []));
const seconds = (histogram: (totals: Totals) => Histogram) => done((totals) => [{ histogram: histogram(totals) }]);

/** All metrics. What is said of jobs and runners is read from the store, so any instance of the API says the same. */
export const metrics: readonly Metric[] = [
  {
    name: "agenticore_build_info",
    type: "gauge",
    help: "Version of this server.",
    samples: ({ version }) => [{ labels: { version }, value: 1 }],
  },
  {
    name: "agenticore_store_up",
    type: "gauge",
    help: "1 when the store has answered this request, 0 when it is away; then what only it knows is left out.",
    samples: ({ store }) => [{ value: store ? 1 : 0 }],
  },
  {
    name: "agenticore_store_errors_total",
    type: "counter",
    help: "Calls of this process that the store did not answer, by operation.",
    samples: ({ storeErrors }) =>
      Object.entries(storeErrors).map(([operation, value]) => ({ labels: { operation }, value })),
  },
  {
    name: "agenticore_spooled_submissions",
    type: "gauge",
    help: "Jobs that this server has accepted and has still to bring to the store.",
    samples: ({ spooled }) => (spooled ? [{ value: spooled.submissions }] : []),
  },
  {
    name: "agenticore_spooled_endings",
    type: "gauge",
    help: "Ends of attempts on this server's disk that the store has not confirmed.",
    samples: ({ spooled }) => (spooled ? [{ value: spooled.endings }] : []),
  },
  {
    name: "agenticore_jobs",
    type: "gauge",
    help: "Jobs in the store by status.",
    samples: ofStore(({ byStatus }) =>
      JobStatus.options.map((status) => ({ labels: { status }, value: byStatus[status] ?? 0 })),
    ),
  },
  {
    name: "agenticore_queue_depth",
    type: "gauge",
    help: "Queued jobs by pool.",
    samples: perPool((pool) => pool.queued),
  },
  {
    name: "agenticore_queue_oldest_age_seconds",
    type: "gauge",
    help: "Age of the oldest queued job by pool.",
    samples: perPool((pool) => pool.oldestAgeSeconds),
  },
  {
    name: "agenticore_budget_usd",
    type: "gauge",
    help: "Today's budget of all jobs in US dollars: its limit, what is spent, what is reserved for jobs that have not ended.",
    samples: ({ store }) =>
      (store?.budgets ?? []).flatMap(({ limitUsd, spentUsd, reservedUsd }) => [
        { labels: { part: "limit" }, value: limitUsd },
        { labels: { part: "spent" }, value: spentUsd },
        { labels: { part: "reserved" }, value: reservedUsd },
      ]),
  },
  {
    name: "agenticore_notifications_waiting",
    type: "gauge",
    help: "Notifications that are to be sent, or sent again.",
    samples: ({ store }) => (store?.notices ? [{ value: store.notices.waiting }] : []),
  },
  {
    name: "agenticore_notifications_total",
    type: "counter",
    help: "Requests of notifications by outcome, `delivered` or `failed`; `given_up` counts notifications that were not taken within 24 h.",
    samples: ({ store }) =>
      store?.notices
        ? (["delivered", "failed", "given_up"] as const).map((outcome) => ({
            labels: { outcome },
            value: store.notices?.[outcome] ?? 0,
          }))
        : [],
  },
  {
    name: "agenticore_runners",
    type: "gauge",
    help: "Runners seen in the last 90 s.",
    samples: ({ store }) => (store ? [{ value: store.runners.length }] : []),
  },
  {
    name: "agenticore_runner_capacity",
    type: "gauge",
    help: "Jobs that a runner takes at once.",
    samples: oneOf((runner) => runner.capacity),
  },
  {
    name: "agenticore_runner_running_jobs",
    type: "gauge",
    help: "Jobs that a runner has now.",
    samples: oneOf((runner) => runner.running.length),
  },
  {
    name: "agenticore_runner_draining",
    type: "gauge",
    help: "1 for a runner that takes no more jobs.",
    samples: oneOf((runner) => (runner.draining ? 1 : 0)),
  },
  {
    name: "agenticore_runner_disk_free_bytes",
    type: "gauge",
    help: "Free space on a runner's disk.",
    samples: oneOf((runner) => runner.disk.free_bytes),
  },
  {
    name: "agenticore_claims_total",
    type: "counter",
    help: "Jobs that a runner has claimed since it started.",
    samples: done(({ claims }) => [{ value: claims }]),
  },
  {
    name: "agenticore_attempts_total",
    type: "counter",
    help: "Attempts of a runner that are over, by how: a terminal status, or the reason for which the job was given back.",
    samples: done(({ attempts }) =>
      Object.entries(attempts).map(([outcome, value]) => ({ labels: { outcome }, value })),
    ),
  },
  {
    name: "agenticore_cost_usd_total",
    type: "counter",
    help: "What the attempts of a runner have cost since it started, in US dollars.",
    samples: done(({ cost_usd }) => [{ value: cost_usd }]),
  },
  {
    name: "agenticore_queue_wait_seconds",
    type: "histogram",
    help: "Time from a job's submission to its first start.",
    samples: seconds((totals) => totals.queue_seconds),
  },
  {
    name: "agenticore_attempt_seconds",
    type: "histogram",
    help: "Time from an attempt's claim to its end.",
    samples: seconds((totals) => totals.run_seconds),
  },
];

export const metricsText = (measured: Measured): string =>
  metrics.map((metric) => familyText({ ...metric, samples: metric.samples(measured) })).join("");
