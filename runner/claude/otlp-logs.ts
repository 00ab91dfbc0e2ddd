import { z } from "zod";
import type { Usage } from "../../shared/job.ts";

export type ApiRequest = Readonly<{ cost_usd: number; usage: Usage }>;

/** The parts of an ExportLogsServiceRequest that matter (opentelemetry-proto, JSON mapping: an int64 is a string). */
const Value = z.object({
  stringValue: z.string().optional(),
  intValue: z.union([z.string(), z.number()]).optional(),
  doubleValue: z.number().optional(),
});
const Attribute = z.object({ key: z.string(), value: Value.catch({}) });
const Records = z.object({ logRecords: z.array(z.object({ attributes: z.array(z.unknown()).catch([]) })).catch([]) });
const Export = z.object({ resourceLogs: z.array(z.object({ scopeLogs: z.array(Records).catch([]) })).catch([]) });

/** The `api_request` events of a batch of logs. Whatever does not look like one is left out: the sender is not trusted. */
export function apiRequestsIn(body: unknown): ApiRequest[] {
  const batch = Export.safeParse(body).data;
  const records =
    batch?.resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords)) ?? [];
  return records
    .map(({ attributes }) => named(attributes))
    .filter((attributes) => /^(claude_code\.)?api_request$/.test(String(attributes.get("event.name"))))
    .map((attributes) => {
      const amount = (key: string) => countable(attributes.get(key));
      return {
        cost_usd: amount("cost_usd"),
        usage: {
          input_tokens: amount("input_tokens"),
          output_tokens: amount("output_tokens"),
          cache_read_input_tokens: amount("cache_read_tokens"),
          cache_creation_input_tokens: amount("cache_creation_tokens"),
        },
      };
    });
}

const named = (attributes: readonly unknown[]): ReadonlyMap<string, string | number | undefined> =>
  new Map(
    attributes
      .flatMap((attribute) => Attribute.safeParse(attribute).data ?? [])
      .map(({ key, value }) => [key, value.stringValue ?? value.intValue ?? value.doubleValue]),
  );

const countable = (value: string | number | undefined): number => {
  const number = Number(value);
  return Number.isFinite(number) && number > 0 && number < 1e12 ? number : 0;
};
