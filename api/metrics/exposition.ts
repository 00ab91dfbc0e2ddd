import type { Histogram } from "../../shared/histogram.ts";

export type Labels = Readonly<Record<string, string>>;
export type Sample = Readonly<{ labels?: Labels }> & (Readonly<{ value: number }> | Readonly<{ histogram: Histogram }>);
export type Family = Readonly<{
  name: string;
  type: "gauge" | "counter" | "histogram";
  help: string;
  samples: readonly Sample[];
}>;

/** The text exposition format of Prometheus, version 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). */
export const metricsContentType = "text/plain; version=0.0.4; charset=utf-8";

/** Lines of one family; HELP and TYPE also where there is nothing to measure. */
export const familyText = ({ name, type, help, samples }: Family): string =>
  [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples.flatMap((sample) => lines(name, sample)), ""].join(
    "\n",
  );

function lines(name: string, { labels = {}, ...sample }: Sample): string[] {
  if ("value" in sample) return [line(name, labels, sample.value)];
  const { bounds, counts, sum } = sample.histogram;
  let below = 0;
  const buckets = counts.map((count, index) => {
    below += count;
    return line(`${name}_bucket`, { ...labels, le: String(bounds[index] ?? "+Inf") }, below);
  });
  return [...buckets, line(`${name}_sum`, labels, sum), line(`${name}_count`, labels, below)];
}

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([key, label]) => `${key}="${escapeLabel(label)}"`);
  return `${name}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""} ${value}`;
}

const escapeLabel = (label: string): string =>
  label.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
