import { readFileSync } from "node:fs";
import { eventually } from "../support/eventually.ts";
import { type Clients, idOf } from "./clients.ts";
import type { Cluster } from "./cluster.ts";
import { readLives } from "./life-log.ts";

/** From kill -9 of a runner until its job runs again. Milliseconds. */
export type Recovery = Readonly<{ restarted: readonly number[]; gone: readonly number[] }>;

/** As systemd.service(5) does by default. */
const restartMs = 100;

/** In calm weather, `rounds` of each: the runner comes back at once, or not until another one has its job. */
export async function measureRecovery(
  cluster: Cluster,
  clients: Clients,
  { seed, rounds }: Readonly<{ seed: number; rounds: number }>,
): Promise<Recovery> {
  const measure = async (name: string, awayMs: number) => {
    const told = await clients.place({
      key: `recovery-${seed}-${name}`,
      ...{ atMs: 0, task: "Recover: beats=2000", inRepo: false, follows: false, copies: 1, choice: 0 },
    });
    const id = idOf(told);
    const lives = () => readLives(readFileSync(cluster.life, "utf8")).filter(({ job }) => job === id);
    await eventually(() => lives().length === 1, { what: "the job runs" });
    const pod = await eventually(async () => (await clients.job(id)).pod_name);
    const box = cluster.runners.find(({ kept }) => kept.name === pod);
    const killedAt = Date.now();
    if (!box?.kept.kill({ awayMs })) throw new Error(`${pod} cannot be killed`);
    const again = await eventually(() => lives()[1], { what: "the job runs again" });
    await clients.cancel(told);
    await eventually(async () => (await clients.job(id)).status === "cancelled", { what: "it is cancelled" });
    await eventually(() => box.kept.pid() !== undefined, { what: `${pod} is there again` });
    return Math.round(again.startedAt - killedAt);
  };
  const restarted: number[] = [];
  const gone: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    restarted.push(await measure(`restarted-${round}`, restartMs));
    gone.push(await measure(`gone-${round}`, cluster.leaseMs + 10_000));
  }
  return { restarted, gone };
}
