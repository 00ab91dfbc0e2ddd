import { expect, test } from "vitest";
import type { TranscriptRecord } from "../../../shared/store.ts";
import { leaseLost, type OpenWorld, queue, refused, take } from "./store-world.ts";

const session = "6f6b7c0e-6d0e-4b3e-9a57-0b3b7a3d2f10";
const said = (facts: Partial<TranscriptRecord> = {}): TranscriptRecord => ({
  session,
  version: "one",
  bytes: 12_000,
  box: "box-1",
  data: "cGFja2Vk",
  ...facts,
});

/** A job that works in the session, as its runner holds it. */
async function aTalk(open: OpenWorld) {
  const world = await open();
  const id = await queue(world.store, { job: { session_id: session } });
  const { lease } = await take(world.store);
  await world.store.saveSession(lease, { id: session, tenant: "local", job: id, runner: lease.runner });
  return { ...world, id, lease };
}

export function transcriptsContract(open: OpenWorld): void {
  test("a conversation is found as its runner kept it last, by whoever asks", async () => {
    await using world = await aTalk(open);
    const elsewhere = await world.another();
    expect(await elsewhere.findTranscript(session)).toBeUndefined();

    await world.store.saveTranscript(world.lease, said());
    expect(await elsewhere.findTranscript(session)).toEqual(said());
    await world.store.saveTranscript(world.lease, said({ version: "two", bytes: 24_000, data: "bW9yZQ==" }));
    expect(await elsewhere.findTranscript(session)).toEqual(said({ version: "two", bytes: 24_000, data: "bW9yZQ==" }));
  });

  test("one that stays on its box leaves no older one behind", async () => {
    await using world = await aTalk(open);
    await world.store.saveTranscript(world.lease, said());
    const { data: _, ...onTheBox } = said({ version: "two", bytes: 9e9 });
    await world.store.saveTranscript(world.lease, onTheBox);

    expect(await world.store.findTranscript(session)).toEqual(onTheBox);
  });

  test("a conversation of megabytes comes back whole", async () => {
    await using world = await aTalk(open);
    const data = "0123456789abcdef".repeat(256 * 1024);
    await world.store.saveTranscript(world.lease, said({ data }));

    expect((await world.store.findTranscript(session))?.data === data).toBe(true);
  });

  test("a runner whose lease is gone keeps nothing, nor does one whose job works in another session", async () => {
    await using world = await aTalk(open);
    await world.store.saveTranscript(world.lease, said());
    const other = "0b3b7a3d-6d0e-4b3e-9a57-6f6b7c0e2f10";
    await refused(world.store.saveTranscript(world.lease, said({ session: other })), "session_not_found");
    await world.store.release(world.lease, { reason: "drained" });
    const next = await take(world.store, { runner: "box-2/b" });
    await world.store.saveTranscript(next.lease, said({ version: "two", box: "box-2" }));

    await leaseLost(world.store.saveTranscript(world.lease, said({ version: "late" })));
    expect(await world.store.findTranscript(session)).toEqual(said({ version: "two", box: "box-2" }));
    expect(await world.store.findTranscript(other)).toBeUndefined();
  });
}
