import { expect, test } from "vitest";
import { sharedPages } from "../../api/shared-pages.ts";
import type { JobStore } from "../../shared/store.ts";
import { aClaim, aNewJob } from "../support/a-job.ts";
import { anApi } from "../support/an-api.ts";

test("whoever asks for one page in one turn shares one read; who asks while it is read has one of its own", async () => {
  const asked: string[] = [];
  const events = async (id: string) => {
    asked.push(id);
    return { events: [] };
  };
  const read = sharedPages({ store: { events } as unknown as JobStore });
  const { job } = aNewJob();
  const first = [read(job.id, undefined), read(job.id, undefined), read(job.id, "x")];
  await Promise.resolve();
  const late = read(job.id, undefined);
  expect(asked).toHaveLength(2);
  await Promise.all([...first, late]);
  expect(asked).toHaveLength(3);
});

test("the end of a job reaches all who follow it", async () => {
  await using api = await anApi();
  await api.store.submit(aNewJob());
  const claim = await api.store.claim(aClaim());
  if (!claim) throw new Error("nothing to claim");
  const open = await Promise.all(Array.from({ length: 50 }, () => api.fetch(`/jobs/${claim.job.id}/events`)));
  const texts = Promise.all(open.map((response) => response.text()));
  await api.store.finish(claim.lease, { status: "succeeded", patch: {} });
  for (const text of await texts) expect(text.match(/^event: .*/gm)?.slice(-1)).toEqual(["event: job.succeeded"]);
});
