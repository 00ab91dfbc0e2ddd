import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { FaultPlan } from "./fault-plan.ts";
import { resetSocket } from "./reset-socket.ts";

/** A relay of TCP connections whose way can be broken. */
export type FaultRelay = AsyncDisposable &
  Readonly<{
    port: number;
    /** Half-open: all connections stay, new ones are taken, and nothing comes through any more. */
    freeze(): void;
    /** What was held up goes on its way. */
    thaw(): void;
    /** Every connection is reset. */
    reset(): void;
    /** How many connections there are. */
    open(): number;
    /** How many were made in all. */
    taken(): number;
  }>;

/** With a plan, what a client sends at once meets one fate. */
export async function startRelay(
  target: Readonly<{ host: string; port: number }>,
  plan?: FaultPlan,
): Promise<FaultRelay> {
  const links = new Set<Link>();
  let frozen = false;
  let taken = 0;
  const server = createServer((client) => {
    taken += 1;
    const link = aLink(client, target, plan);
    links.add(link);
    client.once("close", () => links.delete(link));
    if (frozen) link.hold(true);
  });
  await new Promise<void>((done, fail) => server.once("error", fail).listen(0, "127.0.0.1", done));
  const setFrozen = (to: boolean) => {
    frozen = to;
    for (const link of links) link.hold(to);
  };
  const reset = () => {
    for (const link of links) link.reset();
  };
  return {
    port: (server.address() as AddressInfo).port,
    freeze: () => setFrozen(true),
    thaw: () => setFrozen(false),
    reset,
    open: () => links.size,
    taken: () => taken,
    [Symbol.asyncDispose]: async () => {
      reset();
      await new Promise((done) => server.close(done));
    },
  };
}

type Link = ReturnType<typeof aLink>;

function aLink(client: Socket, target: Readonly<{ host: string; port: number }>, plan: FaultPlan | undefined) {
  const far = connect(target);
  const thawed: (() => void)[] = [];
  let held = false;
  let losesReply = false;
  const reset = () => {
    resetSocket(client);
    far.destroy();
  };
  const unheld = () => (held ? new Promise<void>((go) => thawed.push(go)) : undefined);

  /** One after the other: what was held up may not be overtaken. */
  const inOrder = (act: (chunk: Buffer) => Promise<void>) => {
    let last = Promise.resolve();
    return (chunk: Buffer) => {
      last = last.then(() => act(chunk)).catch(reset);
    };
  };
  const outwards = inOrder(async (chunk) => {
    const fate = plan?.fateOf() ?? "pass";
    if (fate === "lose-request") return reset();
    if (fate === "hold") return new Promise<void>(() => undefined);
    if (fate === "slow") await new Promise((done) => setTimeout(done, plan?.slowness()));
    if (fate === "lose-reply") losesReply = true;
    await unheld();
    far.write(chunk);
  });
  const back = inOrder(async (chunk) => {
    if (losesReply) return reset();
    await unheld();
    client.write(chunk);
  });
  client.on("data", outwards);
  far.on("data", back);
  for (const [one, other] of [
    [client, far],
    [far, client],
  ] as const) {
    one.on("error", () => other.destroy());
    one.on("close", () => held || other.end());
    one.setNoDelay(true);
  }
  return {
    reset,
    hold(to: boolean) {
      held = to;
      if (!to) for (const go of thawed.splice(0)) go();
      if (!to && (client.destroyed || far.destroyed)) reset();
    },
  };
}
