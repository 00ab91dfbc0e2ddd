import { expect, test } from "vitest";
import { aRunner } from "../../support/a-job.ts";
import { anApi } from "../../support/an-api.ts";
import { savedKey } from "../../support/an-api-key.ts";
import { memoryLog } from "../../support/memory-log.ts";

const settings = { requireKeys: true, loopbackOnly: false };

const audits = ({ lines }: ReturnType<typeof memoryLog>) =>
  lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => "audit" in line);

test("each refusal is one line: which request, whose key, what for and why, and never with what", async () => {
  const log = memoryLog();
  await using api = await anApi({ settings, log });
  const reader = await savedKey(api.store, { name: "reader", scopes: ["read"] });
  const wrong = `ak_${reader.id}_${"x".repeat(43)}`;
  await api.get("/jobs?api_key=some-secret-in-the-address", { "x-request-id": "one" });
  await api.get("/jobs", { "x-api-key": wrong, "x-request-id": "two" });
  await api.post("/jobs", { task: "x" }, { ...reader.as, "x-request-id": "three" });
  await api.get("/jobs", { ...reader.as, origin: "https://elsewhere.example", "x-request-id": "four" });
  await api.get("/jobs", reader.as);

  const told = audits(log);
  expect(told.map((line) => [line["request_id"], line["status"], line["audit"]])).toEqual([
    ["one", 401, "unauthorized"],
    ["two", 401, "unauthorized"],
    ["three", 403, "forbidden"],
    ["four", 403, "forbidden"],
  ]);
  expect(told[2]).toMatchObject({
    method: "POST",
    path: "/jobs",
    key: reader.id,
    tenant: reader.record.tenant,
    by: "key reader",
    reason: expect.stringContaining("`submit`"),
  });
  const text = log.lines.join();
  for (const secret of [reader.key.slice(16), "x".repeat(43), "some-secret"]) expect(text).not.toContain(secret);
});

test("an act of an administrator is one line with who it was", async () => {
  const log = memoryLog();
  await using api = await anApi({ settings, log });
  const admin = await savedKey(api.store, { scopes: ["admin"] });
  await api.store.announce(aRunner());
  await api.post("/runners/box-1/drain", {}, { ...admin.as, "x-request-id": "five" });

  expect(audits(log)).toMatchObject([
    { audit: "runner.drain", runner: "box-1", draining: 1, key: admin.id, request_id: "five" },
  ]);
});
