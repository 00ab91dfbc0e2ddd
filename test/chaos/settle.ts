import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../shared/clock.node.ts";
import { isTerminal } from "../../shared/job.ts";
import { eventually } from "../support/eventually.ts";
import { type Clients, idOf } from "./clients.ts";
import { type Cluster, runnerReady } from "./cluster.ts";
import { describeProcess } from "./job-processes.ts";

/** Ends all faults and waits until every part runs. */
export async function heal(cluster: Cluster): Promise<void> {
  for (const { shiftClock } of cluster.runners) shiftClock?.(0);
  await cluster.redis.atPeace();
  const running = () => cluster.kept.every((one) => one.atPeace() && one.pid() !== undefined);
  await eventually(() => running() && cluster.links.every((link) => link.atPeace()), {
    what: "all processes run again, with a way to the store",
  });
}

/** Waits until every job has ended. What has not after that time is lost, which the judge tells. */
export async function allEnded(clients: Clients, withinMs: number): Promise<void> {
  const deadline = systemClock.uptime() + withinMs;
  const left = () => deadline - systemClock.uptime();
  for (const one of clients.told()) {
    await eventually(() => one.ids.size > 0, { deadlineMs: left() }).catch(() => undefined);
    while (left() > 0) {
      const job = await clients.ask(0, (client) => client.job(idOf(one), { wait: 5 })).catch(() => undefined);
      if (job && isTerminal(job.status)) break;
    }
  }
}

/** Processes of jobs that live although every job has ended; wardens are given time for their last lines. */
export async function survivorsOf(cluster: Cluster): Promise<readonly string[]> {
  const living = () => {
    const { wardens, all } = cluster.jobProcesses();
    return all.filter((pid) => wardens.includes(pid) || hasMarker(pid));
  };
  await eventually(() => living().length === 0, { deadlineMs: 5_000 }).catch(() => undefined);
  return living().map(describeProcess);
}

/** Worktrees that belong to nobody, once each runner was started anew and has tidied up. */
export async function leakedTrees({ runners }: Cluster): Promise<readonly string[]> {
  await Promise.all(runners.map(({ kept }) => kept.renew(runnerReady)));
  const trees = () =>
    runners.flatMap(({ home }) => {
      const folder = join(home, ".agenticore/worktrees");
      const names = existsSync(folder) ? readdirSync(folder).filter((name) => !name.startsWith(".")) : [];
      return names.map((name) => join(folder, name));
    });
  await eventually(() => trees().length === 0, { deadlineMs: 20_000 }).catch(() => undefined);
  return trees();
}

function hasMarker(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").includes("AGENTICORE_JOB_ID=");
  } catch {
    return false;
  }
}
