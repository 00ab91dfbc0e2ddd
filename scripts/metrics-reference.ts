import { metrics } from "../api/metrics.ts";

/** What `GET /metrics` tells, as a page. */
export function metricsReference(): string {
  const rows = metrics.map(({ name, type, help }) => `| \`${name}\` | ${type} | ${help} |`);
  return `# Metrics

\`GET /metrics\` is the text format of Prometheus. It needs an API key where there are any.

| metric | type | what it says |
|---|---|---|
${rows.join("\n")}

What is said of jobs and runners is read from the store: any instance of the API says the same, so scrape one, or take
\`max\` over them. \`agenticore_store_errors_total\` and \`agenticore_spooled_*\` are of the process that is asked, and are
there also while the store is away ([outages](../outages.md)). Metrics of a runner have the labels \`runner\`, its name, and
\`instance_id\`, which is another one after each start; its counters begin at 0 then. A runner tells of itself at
each change of its jobs, and once a minute.

This page is made of the code: \`node scripts/reference.ts\` writes it.
`;
}
