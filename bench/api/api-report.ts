import { figure, type Goal, type Report, spreadText, type Table } from "../report.ts";
import { type Spread, spreadOf } from "../statistics.ts";

/** Requests per second; milliseconds; microseconds of CPU for a request. */
type Found = Readonly<{ perSecond: Spread; p99: Spread; cpu: Spread }>;
export type Measured = Readonly<{
  runtime: string;
  kind: string;
  inFlight: number;
  ours: Found;
  bare: Found;
  /** Ours through bare, requests per second, of each round. */
  ratios: readonly number[];
}>;

export const apiReport = (measured: readonly Measured[]): Report => ({
  text,
  tables: [...new Set(measured.map(({ runtime }) => runtime))].map((runtime) =>
    tableOf(
      runtime,
      measured.filter((one) => one.runtime === runtime),
    ),
  ),
  goals: measured.map(
    ({ runtime, kind, inFlight, ratios }): Goal => ({
      what: `${runtime}: ${kind}, ${inFlight} in flight: times bare`,
      limit: 0.7,
      reached: spreadOf(ratios).median,
      atLeast: true,
    }),
  ),
});

const text = `Requests per second and the time that 99 of 100 take at most, beside *bare* routes: Hono, the JSON of the request, one call of
the same store port, the JSON of the answer; no check, no key, no header of their own. Both sides answer the same bytes of a
request, in turns, on one redis-server that is emptied before each measurement, with 40 jobs. On Node each side is a process
of its own (ours \`agenticore serve --no-runner\`, bare \`serve\` of \`@hono/node-server\`) with Redis over TCP; on workerd both run
as the tests run the Worker (Wrangler's own part is before both), with Redis through one \`agenticore redis-http\`. Ours
wants an API key. *submit* has a body of 0.6 kB, *list* gives 20 jobs, *MCP call* is \`get_job\` in revision 2026-07-28.
The sender writes on sockets and shares the machine. *CPU* is that of the server's process for one request, with what
it does for it later (copies of jobs are written when there is time), where it has one of its own; the other side's turn
begins when that is done. Median (least-most); *times* are of bare, round by round.`;

function tableOf(runtime: string, rows: readonly Measured[]): Table {
  const hasCpu = rows.some(({ ours }) => ours.cpu.median > 0);
  return {
    head: [
      `${runtime}: requests per second`,
      ...["ours", "bare", "times", "ours: p99, ms", "bare: p99, ms"],
      ...(hasCpu ? ["ours: CPU, µs", "bare: CPU, µs"] : []),
    ],
    rows: rows.map(({ kind, inFlight, ours, bare, ratios }) => [
      `${kind}, ${inFlight} in flight`,
      ...[spreadText(ours.perSecond), spreadText(bare.perSecond), spreadText(spreadOf(ratios))],
      ...[figure(ours.p99.median), figure(bare.p99.median)],
      ...(hasCpu ? [figure(ours.cpu.median), figure(bare.cpu.median)] : []),
    ]),
  };
}
