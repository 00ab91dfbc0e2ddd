import type { RunnerView } from "../../shared/reply.ts";
import { bytes, plural } from "../amount.ts";
import { defineCommand } from "../command.ts";
import { connect } from "../connect.ts";
import { headedTable, type Print } from "../print.ts";

export const status = defineCommand<{ json?: true }>({
  takes: (command) => command.option("--json", "print JSON"),
  examples: ["agenticore status", "AGENTICORE_URL=https://agents.example.org agenticore status --json"],
  run: async (cli, { json }) => {
    const { print } = cli;
    const client = await connect(cli);
    const health = await client.health();
    const ready = await client.ready();
    // A server whose store is down still says that it is up; it does not know of runners then.
    const runners = ready.status === "ready" ? await client.runners() : [];
    if (json)
      print.json({
        url: client.url,
        version: health.version,
        ready: ready.status === "ready",
        parts: ready.parts,
        runners,
      });
    else {
      print.data(`${print.paint.green("up")} agenticore ${health.version} at ${client.url}`);
      for (const [part, { ok, error, waiting }] of Object.entries(ready.parts)) {
        const told =
          error ?? (waiting ? `${plural(waiting, "job")} on this server's disk, until the store is back` : "");
        print.data(`${ok ? print.paint.green("up") : print.paint.red("down")} ${part}${told ? `: ${told}` : ""}`);
      }
      if (runners.length > 0) print.data(`\n${runnerTable(runners, print)}`);
      else if (ready.status === "ready")
        print.note("No runner is connected: jobs wait until one is. `agenticore runner` starts one.");
    }
    return ready.status === "ready" ? 0 : 1;
  },
});

function runnerTable(runners: readonly RunnerView[], print: Print): string {
  const rows = runners.map((runner) => [
    runner.name,
    runner.version,
    `${runner.running}/${runner.capacity}`,
    runner.draining ? "draining" : runner.disk.low ? "disk low" : "ready",
    runner.pools.join(","),
    `${bytes(runner.disk.free_bytes)} free`,
    runner.sandbox,
  ]);
  return headedTable(["RUNNER", "VERSION", "JOBS", "STATE", "POOLS", "DISK", "SANDBOX"], rows, print);
}
