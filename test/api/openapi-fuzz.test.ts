import { expect, test } from "vitest";
import { anApi, aStore } from "../support/an-api.ts";
import { fuzzApi } from "../support/fuzz-api.ts";

const settings = { requireKeys: true, loopbackOnly: false };
const fuzz = { seed: 20_261_122, count: 500 };

test("500 random requests made of the OpenAPI document: no failure, no word of our insides, nothing of another tenant's", async () => {
  await using api = await anApi({ settings });
  const statuses = await fuzzApi(api, fuzz);

  // A fuzz that is always refused at the door has tried nothing.
  for (const status of [200, 202, 400, 404]) expect(statuses.get(status) ?? 0).toBeGreaterThan(4);
});

test("a server that forgot whose a job is would be found, and one that cancels for others, and one that fails", async () => {
  await using inner = await aStore().then(({ store, close }) => ({ store, [Symbol.asyncDispose]: close }));
  const { store } = inner;
  const faults = [
    [{ get: (id: Parameters<typeof store.get>[0]) => store.get(id) }, "shows what is"],
    [
      { cancel: (id: Parameters<typeof store.cancel>[0], { name }: { name: string }) => store.cancel(id, { name }) },
      /shows what is|cancelled/,
    ],
    [{ list: () => Promise.reject(new Error("broken")) }, "answered with 500"],
  ] as const;
  for (const [fault, says] of faults) {
    await using api = await anApi({ settings, store: { ...store, ...fault } });
    await expect(fuzzApi(api, fuzz)).rejects.toThrow(says);
  }
});
