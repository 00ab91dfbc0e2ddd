import { expect, test } from "vitest";
import { anApi } from "../support/an-api.ts";
import { fuzzApi } from "../support/fuzz-api.ts";

const settings = { requireKeys: true, loopbackOnly: false };
/** `FUZZ_SEED=1 FUZZ_COUNT=50000 npx vitest run test/api/openapi-fuzz.long.test.ts` sends others. */
const { FUZZ_SEED = "1", FUZZ_COUNT = "10000" } = process.env;

test("10,000 random requests made of the OpenAPI document: no failure, no word of our insides, nothing of another tenant's", async () => {
  await using api = await anApi({ settings });
  const statuses = await fuzzApi(api, { seed: Number(FUZZ_SEED), count: Number(FUZZ_COUNT) });

  for (const status of [200, 202, 400, 404, 405, 415, 422]) expect(statuses.get(status) ?? 0).toBeGreaterThan(5);
});
