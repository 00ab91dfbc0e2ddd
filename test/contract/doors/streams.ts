import { expect, test } from "vitest";
import { decodeSse, type SseFrame } from "../../../shared/sse.ts";
import type { Claim } from "../../../shared/store.ts";
import type { Place } from "./door-contract.ts";

export function streams({ door, caller, world }: Place): void {
  const say = ({ lease }: Claim, ...texts: readonly string[]) =>
    world().store.renew(lease, {
      leaseMs: 60_000,
      events: texts.map((text) => ({ type: "claude.said", data: { text } })),
    });

  test("a stream tells of events as they come, and ends after the last one", async () => {
    const me = await caller();
    const id = await me.submit();
    const response = await fetch(`${door().url}/jobs/${id}/events`, { headers: me.as });
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const frames = framesOf(response);
    expect((await frames.next()).value).toMatchObject({ event: "job.queued" });
    // Each happens after the one before was seen: they come through an open stream.
    const claim = await world().claim(me.pool);
    expect((await frames.next()).value).toMatchObject({ event: "job.claimed" });
    await say(claim, "one\ntwo");
    const said = (await frames.next()).value;
    expect(JSON.parse(said?.data ?? "")).toMatchObject({ id: said?.id, data: { text: "one\ntwo" } });
    await world().store.finish(claim.lease, { status: "succeeded", patch: {} });
    expect((await frames.next()).value).toMatchObject({ event: "job.succeeded" });
    expect((await frames.next()).done).toBe(true);
  });

  test("a stream goes on behind the Last-Event-ID, and there is none behind the end", async () => {
    const me = await caller();
    const id = await me.submit();
    const claim = await world().claim(me.pool);
    await say(claim, "one", "two", "three");
    await world().store.finish(claim.lease, { status: "succeeded", patch: {} });
    const all = await framesFrom(`${door().url}/jobs/${id}/events`, me.as);
    expect(all.map(({ event }) => event)).toEqual([
      ...["job.queued", "job.claimed"],
      ...["claude.said", "claude.said", "claude.said", "job.succeeded"],
    ]);
    const last = { "last-event-id": all[2]?.id ?? "" };
    expect(await framesFrom(`${door().url}/jobs/${id}/events`, { ...me.as, ...last })).toEqual(all.slice(3));
    const end = { "last-event-id": all.at(-1)?.id ?? "" };
    expect((await me.get(`/jobs/${id}/events`, end)).status).toBe(204);
    const { body } = await me.get(`/jobs/${id}/events`, { accept: "application/json" });
    expect((body["events"] as { id: string }[]).map((event) => event.id)).toEqual(all.map((frame) => frame.id));
    expect((await me.get(`/jobs/${id}/events?after=1-nonsense`)).status).toBe(400);
  });
}

/** Frames with data, as they come. */
async function* framesOf(response: Response): AsyncGenerator<SseFrame, undefined> {
  for await (const frame of decodeSse(response.body as ReadableStream<Uint8Array>)) if (frame.event) yield frame;
}

async function framesFrom(url: string, headers: Record<string, string>): Promise<SseFrame[]> {
  const frames: SseFrame[] = [];
  for await (const frame of framesOf(await fetch(url, { headers }))) frames.push(frame);
  return frames;
}
