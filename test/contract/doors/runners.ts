import { expect, test } from "vitest";
import { systemClock } from "../../../shared/clock.node.ts";
import { Secret } from "../../../shared/secret.ts";
import { openRemoteStore } from "../../../shared/store/remote.ts";
import type { JobStore } from "../../../shared/store.ts";
import { aClaim, aRunner } from "../../support/a-job.ts";
import { savedKey } from "../../support/an-api-key.ts";
import type { Place } from "./door-contract.ts";

const minute = 60_000;

export function runners({ door, caller, world }: Place): void {
  const aRunnerOf = async (pool: string): Promise<JobStore> => {
    const { key } = await savedKey(world().store, { scopes: ["runner"], pools: [pool] });
    const ask: typeof fetch = (...request) => fetch(...request);
    return openRemoteStore({
      url: door().url,
      key: new Secret(key),
      clock: systemClock,
      random: Math.random,
      fetch: ask,
    });
  };

  test("a runner with a key of its pool hears of a job, takes it, hears that it shall stop, and ends it", async () => {
    const me = await caller();
    await using runner = await aRunnerOf(me.pool);
    const pools = [me.pool];
    expect(await runner.claim(aClaim({ pools }))).toBeUndefined();
    const woken = runner.changed({ pools, timeoutMs: minute });
    const id = await me.submit();
    await woken;
    const claim = await claimed(runner, pools);
    expect(claim.job).toMatchObject({ id, status: "running" });
    const events = [{ type: "claude.said", data: { text: "hello" } }] as const;
    await runner.renew(claim.lease, { leaseMs: minute, events, firstEvent: 0 });
    const asked = runner.changed({ job: claim.job.id, control: true, timeoutMs: minute });
    expect((await me.send("POST", `/jobs/${id}/cancel`, {})).status).toBe(200);
    await asked;
    expect(await runner.renew(claim.lease, { leaseMs: minute })).toMatchObject({ cancel: { by: expect.any(String) } });
    await runner.finish(claim.lease, { status: "cancelled", patch: {} });

    expect((await me.get(`/jobs/${id}`)).body["job"]).toMatchObject({ status: "cancelled" });
    await expect(runner.renew(claim.lease, { leaseMs: minute })).rejects.toMatchObject({ name: "LeaseLost" });
  });

  test("a runner is seen, told to drain, and gone, and is let in to nothing else", async () => {
    const me = await caller({ scopes: ["read", "admin"] });
    await using runner = await aRunnerOf(me.pool);
    const note = aRunner({ name: `box-${me.pool}`, pools: [me.pool] });
    await runner.announce({ ...note, last_seen: new Date().toISOString() });
    const drained = runner.changed({ runner: note.id, timeoutMs: minute });
    await runner.ping(); // goes out behind the wait
    expect((await me.send("POST", `/runners/${note.name}/drain`, {})).body).toMatchObject({ draining: 1 });
    await drained;
    expect(await runner.announce(note)).toEqual({ drain: true });
    await expect(runner.announce(aRunner())).rejects.toMatchObject({ code: "forbidden" });
    await runner.retire(note.id);
    const { body } = await me.get("/runners");
    expect((body["runners"] as { name: string }[]).map(({ name }) => name)).not.toContain(note.name);
  });
}

/** A hint may come before there is something to claim. */
async function claimed(runner: JobStore, pools: readonly string[]) {
  for (;;) {
    const claim = await runner.claim(aClaim({ pools }));
    if (claim) return claim;
    await runner.changed({ pools, timeoutMs: minute });
  }
}
