import { createHash } from "node:crypto";
import { iso } from "../../clock.ts";
import { JobId } from "../../job.ts";

const dayMs = 86_400_000;

/**
 * The id of the job that an idempotency key makes on that day (UTC): the same in every process that spools, so that a
 * request which is sent again, to whichever of them, and whether or not the store was reached the first time, makes
 * one job. The day keeps a key that is used again, long after its job was removed, from meeting an old one.
 */
export function keyedId({ tenant, key }: Readonly<{ tenant: string; key: string }>, now: number): JobId {
  const hash = createHash("sha256")
    .update(JSON.stringify(["job", tenant, key, iso(now).slice(0, 10)]))
    .digest("hex");
  const [variant = "8"] = "89ab"[Number.parseInt(hash.charAt(16), 16) % 4] ?? [];
  return JobId.parse(
    [
      hash.slice(0, 8),
      hash.slice(8, 12),
      `4${hash.slice(13, 16)}`,
      `${variant}${hash.slice(17, 20)}`,
      hash.slice(20, 32),
    ].join("-"),
  );
}

/** The ids under which a request of a moment ago may have come. */
export const keyedIds = (who: Readonly<{ tenant: string; key: string }>, now: number): readonly [JobId, JobId] => [
  keyedId(who, now),
  keyedId(who, now - dayMs),
];
