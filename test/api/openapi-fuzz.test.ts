import { expect, test } from "vitest";
import { anApi } from "../support/an-api.ts";
import { fuzzApi } from "../support/fuzz-api.ts";

const settings = { requireKeys: true, loopbackOnly: false };

test("500 random requests made of the OpenAPI document: no failure, no word of our insides, nothing of another tenant's", async () => {
  await using api = await anApi({ settings });
  const { statuses } = await fuzzApi(api, { seed: 20_261_122, count: 500 });

  // A fuzz that is always refused at the door has tried nothing.
  for (const status of [200, 202, 400, 404]) expect(statuses.get(status) ?? 0).toBeGreaterThan(4);
});
